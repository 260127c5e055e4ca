"""What the text form costs and saves: `python -m structure.bench_text`, figures of decision 0009.

Tokens of a tool in the compact form against JSON Schema, and, for tokenizers that join spaces to
words or leave them alone, how many values have other pieces after a space than after a quote.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer

from structure.corpus import default_folder
from structure.dataset import tokenizer_texts
from structure.generators.draw import Draw, Split
from structure.generators.tool_calls import make_tool_calls
from structure.progress import report
from structure.recipe import read_recipe
from structure.template import tool_text
from structure.tokenizer import train_tokenizer

_TEXTS = 12_000
_VALUES = 2_000
_TOOL_LISTS = 100
_KINDS: dict[str, Callable[[Draw], str]] = {
    "made-up words": Draw.coined,
    "names": Draw.person,
    "noun phrases": Draw.thing,
}


def _pieces(tokenizer: Tokenizer, before: str, value: str, after: str) -> list[str]:
    """The pieces of a value in its surroundings, without a leading space."""
    found = tokenizer.encode(before + value + after, add_special_tokens=False)
    ends = (len(before), len(before + value))
    inside = [
        token.removeprefix("\u0120") if start <= ends[0] else token
        for token, (start, end) in zip(found.tokens, found.offsets, strict=True)
        if end > ends[0] and start < ends[1]
    ]
    return [piece for piece in inside if piece]


def _differing(tokenizer: Tokenizer, make: Callable[[Draw], str]) -> float:
    draw = Draw("bench text", Split.TRAIN)
    values = [make(draw) for _ in range(_VALUES)]
    wrong = sum(
        _pieces(tokenizer, "the ", value, " is") != _pieces(tokenizer, '"', value, '"')
        for value in values
    )
    return 100 * wrong / _VALUES


def _tokens_of_tools(tokenizer: Tokenizer) -> tuple[float, float]:
    drawn = (make_tool_calls(Draw(number, Split.TRAIN)) for number in range(_TOOL_LISTS))
    tools = [tool for conversation in drawn for tool in conversation.tools]

    def mean(texts: list[str]) -> float:
        return sum(len(item.ids) for item in tokenizer.encode_batch(texts)) / len(tools)

    return mean([tool_text(tool) for tool in tools]), mean(
        [json.dumps(tool.schema()) for tool in tools]
    )


def main() -> None:
    """Train both tokenizers on the same sample and print their figures."""
    parser = argparse.ArgumentParser(prog="structure.bench_text", description=__doc__)
    parser.add_argument("--data", type=Path, default=default_folder(), help="shared text")
    recipe = read_recipe()
    folder = parser.parse_args().data
    texts = list(islice(tokenizer_texts(folder, recipe.data), _TEXTS))
    letters = sum(map(len, texts))
    for joins_spaces in (True, False):
        with tempfile.TemporaryDirectory() as scratch:
            tokenizer = train_tokenizer(
                texts,
                size=recipe.model.vocabulary,
                path=Path(scratch) / "tokenizer.json",
                joins_spaces=joins_spaces,
            )
        used = sum(len(item.ids) for item in tokenizer.encode_batch(texts))
        way = "joined" if joins_spaces else "free"
        report(f"{way} spaces: {letters / used:.2f} characters a token")
        for name, make in _KINDS.items():
            report(f"  {name}: {_differing(tokenizer, make):.0f} % have other pieces")
        compact, plain = _tokens_of_tools(tokenizer)
        report(f"  a tool: {compact:.0f} tokens compact, {plain:.0f} as JSON Schema")


if __name__ == "__main__":
    main()
