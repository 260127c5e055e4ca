"""The mixture: every family of tasks by name, as endless seeded streams, and the plain texts."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import count, islice
from pathlib import Path

from structure.conversation import Conversation
from structure.corpus import DOCUMENT_FILES, INTENT_FILES, SLOT_FILES, read_records
from structure.frozen import unspent
from structure.generators.chat import make_chat
from structure.generators.copying import make_copying
from structure.generators.draw import Draw, Split
from structure.generators.extraction import make_extraction
from structure.generators.intents import group_utterances, make_intents
from structure.generators.labels import make_label, make_title
from structure.generators.normalisation import make_normalisation
from structure.generators.reading import make_reading
from structure.generators.selecting import make_selecting
from structure.generators.tool_calls import make_bundle, make_restraint

__all__ = ["DOCUMENTS", "bundles", "documents"]

DOCUMENTS = "documents"
_WORD = re.compile(r"(?<![\w'/.-])[a-z]{3,11}(?![\w'/-])")
_VOCABULARY_TEXTS = 20_000
_WORD_COUNT_MIN = 12
_FUNCTION_WORDS = 150  # the most frequent ones: the, with, when, ...
Maker = Callable[[Draw], Sequence[Conversation]]


def _alone(make: Callable[[Draw], Conversation]) -> Maker:
    return lambda draw: (make(draw),)


def _makers(folder: Path) -> tuple[dict[str, Maker], list[str]]:
    """The generators by family, and human sentences to carry over as free text."""
    intents = [record for name in INTENT_FILES for record in read_records(folder, name)]
    slotted = [record for name in SLOT_FILES for record in read_records(folder, name)]
    utterances = group_utterances(intents, slotted)
    sentences = [item.text for item in intents if 12 < len(item.text) < 60 and '"' not in item.text]
    makers: dict[str, Maker] = {
        "selecting": make_selecting,
        "tool_calls": make_bundle,
        "restraint": make_restraint,
        "labels": _alone(make_label),
        "titles": _alone(make_title),
        "intents": _alone(lambda draw: make_intents(draw, utterances)),
        "extraction": _alone(make_extraction),
        "normalisation": _alone(make_normalisation),
        "reading": _alone(make_reading),
        "chat": _alone(make_chat),
        "copying": _alone(make_copying),
    }
    return makers, sentences


@cache
def _vocabulary(folder: Path) -> tuple[str, ...]:
    """Words of the plain texts that are neither rare nor among the most frequent."""
    counts: Counter[str] = Counter()
    for text in islice(documents(folder), _VOCABULARY_TEXTS):
        counts.update(_WORD.findall(text))
    ranked = [word for word, count in counts.most_common() if count >= _WORD_COUNT_MIN]
    return tuple(sorted(ranked[_FUNCTION_WORDS:]))


def bundles(folder: Path, family: str, *, seed: str) -> Iterator[Sequence[Conversation]]:
    """An endless stream of one family, for training: conversations that share their opening.

    Requests of the frozen sets are left out; short ones would else come up by chance.
    """
    makers, sentences = _makers(folder)
    words = _vocabulary(folder)
    for number in count():
        draw = Draw(f"{seed}/{family}/{number}", Split.TRAIN, sentences, words)
        if kept := unspent(makers[family](draw)):
            yield kept


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
