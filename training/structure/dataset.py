"""Makes the training set: generate, encode, lay into rows, one file for each phase of training."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

from structure.conversation import Conversation
from structure.corpus import TRAIN_FILES, file_digest
from structure.generators.draw import Draw, Split
from structure.mixture import DOCUMENTS, bundles, documents
from structure.progress import report
from structure.recipe import DataRecipe, Phase
from structure.rows import Part, Piece, Rows, RowWriter, Sample
from structure.template import END_OF_TEXT, Segment, render

__all__ = ["answer_parts", "load_rows", "pack_phase", "tokenizer_texts"]

_BUNDLES_AT_ONCE = 64
# The name of the called tool, or the first letter of a value that is not a number.
_CHOICES = re.compile(r'(?:<tool_call>\n\{"name": "([^"]*)"|": \[?"(.)|": ([\d-]))')
_DOCUMENT_CHARACTERS_MAX = 6_000


def tokenizer_texts(folder: Path, recipe: DataRecipe) -> Iterator[str]:
    """What the tokenizer learns from: the shares of the longest phase, by bytes."""
    phase = max(recipe.phases, key=lambda item: item.tokens)
    for family, share in phase.shares.items():
        remaining = int(share * recipe.tokenizer_bytes)
        for text in _family_texts(folder, family, seed=f"{recipe.seed}/tokenizer"):
            yield text
            remaining -= len(text.encode())
            if remaining <= 0:
                break


def _family_texts(folder: Path, family: str, *, seed: str) -> Iterator[str]:
    if family == DOCUMENTS:
        yield from (text[:_DOCUMENT_CHARACTERS_MAX] for text in documents(folder))
        return
    for bundle in bundles(folder, family, seed=seed):
        for number, conversation in enumerate(bundle):
            segments = render(conversation)
            # A shared opening counts once, as it does in training.
            yield "".join(item.text for item in (segments[1:] if number else segments))


class _Encoder:
    """Segments to pieces, many at a time.

    Segments may be encoded apart because each border lies at a special token or a line break that
    the pre-tokenizer never joins to a letter; parity.py checks whole prompts against the engine.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        (self._end,) = tokenizer.encode(END_OF_TEXT, add_special_tokens=False).ids

    def encoded(self, texts: Sequence[str]) -> list[Encoding]:
        """Ids and places of the tokens of each text."""
        found: list[Encoding] = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return found

    def samples(self, group: Sequence[Sequence[Conversation]]) -> Iterator[Sample]:
        """One sample for each bundle."""
        rendered = [[render(item) for item in bundle] for bundle in group]
        cuts = [_opening_size(bundle) for bundle in rendered]
        flat = [
            segment.text
            for bundle, cut in zip(rendered, cuts, strict=True)
            for number, segments in enumerate(bundle)
            for segment in (segments[cut:] if number else segments)
        ]
        encoded = iter(self.encoded(flat))
        for bundle, cut in zip(rendered, cuts, strict=True):
            opening = _piece(bundle[0][:cut], encoded)
            yield Sample(opening, [_piece(segments[cut:], encoded) for segments in bundle])

    def document(self, text: str) -> Piece:
        """A plain text between end marks."""
        (found,) = self.encoded([text[:_DOCUMENT_CHARACTERS_MAX]])
        ids = found.ids
        return Piece([self._end, *ids, self._end], [Part.DOCUMENT] * (len(ids) + 2))


def _opening_size(bundle: Sequence[Sequence[Segment]]) -> int:
    """How many leading segments all conversations share: the system segment, or none."""
    return 1 if len({segments[0].text for segments in bundle}) == 1 < len(bundle) else 0


def _piece(segments: Sequence[Segment], encoded: Iterator[Encoding]) -> Piece:
    ids: list[int] = []
    parts: list[int] = []
    for segment in segments:
        found = next(encoded)
        ids += found.ids
        parts += (
            answer_parts(segment.text, found)
            if segment.is_answer
            else ([Part.PROMPT] * len(found.ids))
        )
    return Piece(ids, parts)


def answer_parts(text: str, encoded: Encoding) -> list[int]:
    """What each token of an answer is: its first token and those of names and beginnings decide."""
    chosen = {0}
    for match in _CHOICES.finditer(text):
        start, end = match.span(match.lastindex or 0)
        chosen |= {encoded.char_to_token(place) or 0 for place in range(start, end)}
    return [Part.CHOICE if number in chosen else Part.ANSWER for number in range(len(encoded.ids))]


def _add_family(
    writer: RowWriter, encoder: _Encoder, source: Iterator[Sequence[Conversation]], budget: int
) -> None:
    goal = writer.tokens + budget
    while writer.tokens < goal:
        group = [next(source) for _ in range(_BUNDLES_AT_ONCE)]
        for sample in encoder.samples(group):
            writer.add(sample)


def pack_phase(
    folder: Path, recipe: DataRecipe, phase: Phase, tokenizer: Tokenizer, *, path: Path
) -> None:
    """Make and save the rows of one phase, with a manifest of what went in."""
    encoder = _Encoder(tokenizer)
    draw = Draw(f"{recipe.seed}/{phase.name}/rows", Split.TRAIN)
    writer = RowWriter(draw, length=recipe.row_tokens, context_tokens=recipe.context_tokens)
    for family, share in phase.shares.items():
        if family != DOCUMENTS:
            source = bundles(folder, family, seed=f"{recipe.seed}/{phase.name}")
            _add_family(writer, encoder, source, int(share * phase.tokens))
            report(f"{phase.name}: {family} packed, {writer.tokens:,} tokens so far")
    writer.finish()
    goal = max(writer.tokens + writer.free, phase.tokens)
    for number, text in enumerate(documents(folder)):
        if writer.tokens >= goal and writer.free == 0:
            break
        if number % len(recipe.phases) == recipe.phases.index(phase):
            writer.fill(encoder.document(text))
    _save(writer.rows(), folder, path)


def _save(rows: Rows, folder: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: getattr(rows, name) for name in rows.__struct_fields__})
    counts = {part.name.lower(): int((rows.parts == part).sum()) for part in Part}
    manifest = {
        "rows": len(rows.tokens),
        "tokens": int(rows.tokens.size),
        "parts": counts,
        "tokens_sha256": hashlib.sha256(rows.tokens.tobytes()).hexdigest(),
        "sources_sha256": {name: file_digest(folder, name) for name in TRAIN_FILES},
    }
    path.with_suffix(".json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    report(f"{path.stem}: {rows.tokens.size:,} tokens, {counts['answer']:,} of them answers")


def load_rows(path: Path) -> Rows:
    """The saved rows of one phase."""
    with np.load(path) as saved:
        return Rows(**{name: saved[name] for name in Rows.__struct_fields__})
