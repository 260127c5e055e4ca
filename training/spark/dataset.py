"""Packs everything into flat arrays: token ids, loss weights and sample boundaries.

Samples are never joined: a conversation always starts at position zero, as it does when served.
Batches are made of samples of similar length instead, so that little padding is wasted.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from spark.conversation import Conversation
from spark.corpus import (
    DOCUMENT_FILES,
    INTENT_FILES,
    SLOT_FILES,
    TRAIN_FILES,
    file_digest,
    read_records,
)
from spark.generators.chat import make_chat
from spark.generators.copying import make_copying
from spark.generators.draw import Draw, Split
from spark.generators.extraction import make_extraction
from spark.generators.intents import group_utterances, make_intents
from spark.generators.normalisation import make_normalisation
from spark.generators.reading import make_reading
from spark.generators.tool_calls import make_tool_calls
from spark.progress import report
from spark.recipe import DataRecipe
from spark.template import END_OF_TEXT, render

__all__ = ["Packed", "conversations", "documents", "load_packed", "pack", "tokenizer_texts"]

DOCUMENTS = "documents"
_ENCODE_BATCH = 256
Maker = Callable[[Draw], Conversation]


class Packed(msgspec.Struct, frozen=True):
    """All samples end to end; sample i is tokens[starts[i]:starts[i + 1]]."""

    tokens: NDArray[np.uint16]
    is_answer: NDArray[np.bool_]
    starts: NDArray[np.int64]
    is_document: NDArray[np.bool_]


def _makers(folder: Path) -> tuple[dict[str, Maker], list[str]]:
    """The generators by family, and human sentences to carry over as free text."""
    intents = [record for name in INTENT_FILES for record in read_records(folder, name)]
    slotted = [record for name in SLOT_FILES for record in read_records(folder, name)]
    utterances = group_utterances(intents, slotted)
    sentences = [item.text for item in intents if 12 < len(item.text) < 60 and '"' not in item.text]
    makers: dict[str, Maker] = {
        "tool_calls": make_tool_calls,
        "tool_results": make_tool_results,
        "intents": lambda draw: make_intents(draw, utterances),
        "extraction": make_extraction,
        "normalisation": make_normalisation,
        "reading": make_reading,
        "chat": make_chat,
        "copying": make_copying,
    }
    return makers, sentences


def make_tool_results(draw: Draw) -> Conversation:
    """A short conversation in which a tool's result is reported."""
    return make_tool_calls(draw, exchanges_max=2)


def conversations(folder: Path, family: str, *, seed: int) -> Iterator[Conversation]:
    """An endless seeded stream of one family, for training."""
    makers, sentences = _makers(folder)
    number = 0
    while True:
        yield makers[family](Draw(f"{seed}/{family}/{number}", Split.TRAIN, sentences))
        number += 1


def documents(folder: Path) -> Iterator[str]:
    """Plain technical English, files in turn so that any prefix is a mixture."""
    streams = [read_records(folder, name) for name in DOCUMENT_FILES]
    while streams:
        for stream in list(streams):
            record = next(stream, None)
            if record is None:
                streams.remove(stream)
            else:
                yield record.text


def tokenizer_texts(folder: Path, recipe: DataRecipe) -> Iterator[str]:
    """What the tokenizer learns from: the shares of the training mix, by bytes."""
    for family, share in recipe.shares.items():
        remaining = int(share * recipe.tokenizer_bytes)
        for text in _family_texts(folder, family, recipe):
            yield text
            remaining -= len(text.encode())
            if remaining <= 0:
                break


def _family_texts(folder: Path, family: str, recipe: DataRecipe) -> Iterator[str]:
    if family == DOCUMENTS:
        yield from (text[:4000] for text in documents(folder))
        return
    for conversation in conversations(folder, family, seed=recipe.seed):
        yield "".join(segment.text for segment in render(conversation))


class _Writer:
    """Collects samples in memory."""

    def __init__(self) -> None:
        self.tokens: list[NDArray[np.uint16]] = []
        self.is_answer: list[NDArray[np.bool_]] = []
        self.is_document: list[bool] = []

    def add(self, ids: list[int], answers: list[bool], *, is_document: bool) -> None:
        self.tokens.append(np.array(ids, dtype=np.uint16))
        self.is_answer.append(np.array(answers, dtype=np.bool_))
        self.is_document.append(is_document)

    def packed(self) -> Packed:
        lengths = [len(sample) for sample in self.tokens]
        return Packed(
            np.concatenate(self.tokens),
            np.concatenate(self.is_answer),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.array(self.is_document, dtype=np.bool_),
        )


def _encode_conversations(
    tokenizer: Tokenizer, batch: list[Conversation]
) -> Iterator[tuple[list[int], list[bool]]]:
    """Token ids with their answer marks.

    Segments may be encoded apart because each border lies at a special token or a line break that
    the pre-tokenizer never joins to a letter; parity.py checks whole prompts against the engine.
    """
    rendered = [render(conversation) for conversation in batch]
    texts = [segment.text for segments in rendered for segment in segments]
    encoded = iter(tokenizer.encode_batch(texts, add_special_tokens=False))
    for segments in rendered:
        ids: list[int] = []
        answers: list[bool] = []
        for segment in segments:
            part = next(encoded).ids
            ids += part
            answers += [segment.is_answer] * len(part)
        yield ids, answers


def _pack_conversations(
    writer: _Writer,
    tokenizer: Tokenizer,
    source: Iterator[Conversation],
    *,
    budget: int,
    longest: int,
) -> None:
    while budget > 0:
        batch = [next(source) for _ in range(_ENCODE_BATCH)]
        for ids, answers in _encode_conversations(tokenizer, batch):
            if len(ids) <= longest:
                writer.add(ids, answers, is_document=False)
                budget -= len(ids)


def _pack_documents(
    writer: _Writer, tokenizer: Tokenizer, folder: Path, *, budget: int, recipe: DataRecipe
) -> None:
    """Documents cut into pieces; a small share is long, so that late positions are trained."""
    draw = Draw(recipe.seed, Split.TRAIN)
    (end,) = tokenizer.encode(END_OF_TEXT, add_special_tokens=False).ids
    for text in documents(folder):
        ids = [end, *tokenizer.encode(text[:40_000], add_special_tokens=False).ids, end]
        # One piece per document keeps the mixture wide, and mixed lengths keep batches mixed.
        size = draw.whole(recipe.document_tokens_min, recipe.document_tokens_max)
        piece = ids[: 2048 if draw.chance(recipe.long_share) else size]
        writer.add(piece, [True] * len(piece), is_document=True)
        budget -= len(piece)
        if budget <= 0:
            return


def pack(folder: Path, recipe: DataRecipe, tokenizer: Tokenizer, *, path: Path) -> None:
    """Generate, encode and save the training set with a manifest of its sources."""
    writer = _Writer()
    for family, share in recipe.shares.items():
        budget = int(share * recipe.tokens)
        if family == DOCUMENTS:
            _pack_documents(writer, tokenizer, folder, budget=budget, recipe=recipe)
        else:
            source = conversations(folder, family, seed=recipe.seed)
            longest = recipe.conversation_tokens_max
            _pack_conversations(writer, tokenizer, source, budget=budget, longest=longest)
        report(f"packed {family}: {len(writer.tokens)} samples so far")
    _save(writer.packed(), folder, path)


def _save(packed: Packed, folder: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = {name: getattr(packed, name) for name in packed.__struct_fields__}
    np.savez(path, **fields)
    manifest = {
        "samples": int(len(packed.starts) - 1),
        "tokens": len(packed.tokens),
        "answer_tokens": int(packed.is_answer.sum()),
        "document_samples": int(packed.is_document.sum()),
        "tokens_sha256": hashlib.sha256(packed.tokens.tobytes()).hexdigest(),
        "sources_sha256": {name: file_digest(folder, name) for name in TRAIN_FILES},
    }
    path.with_suffix(".json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    report(f"packed {manifest['tokens']:,} tokens, {manifest['answer_tokens']:,} of them answers")


def load_packed(path: Path) -> Packed:
    """The saved training set."""
    with np.load(path) as saved:
        return Packed(**{name: saved[name] for name in Packed.__struct_fields__})
