"""From shared text to labelled samples for each head, and to text that nothing was fitted on."""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from kilonova.guardrails.features import plain
from kilonova.guardrails.injection import WINDOW_WORDS, InjectionHead
from kilonova.guardrails.scan import OUT_OF_SCOPE
from sentry.attacks import train_families
from sentry.corpus import Record, is_held_back, read_training, read_validation
from sentry.recipe import InjectionDials

__all__ = [
    "Labelled",
    "attack_windows",
    "banking",
    "held_back_prompts",
    "intents",
    "languages",
    "narrowed",
    "ordinary_windows",
    "validation_intents",
]

_PAGE_CHARACTERS = 300
_PASTE_CHARACTERS = 2000
_WINDOWS_EACH = 24
_ALONE = 0.75
# How many records of each file show the injection head what is no attack.
_CALM_FILES = {
    "lingua-train": 15_000,
    "tldr-other": 6000,
    "tldr-en": 7500,
    "gsm8k-train": 7500,
    "clinc150-train": 20_000,
    "banking77-train": 10_000,
    "restaurant8k-train": 3000,
    "docs-python": 600,
    "docs-cloud": 700,
    "docs-systems": 900,
}


class Labelled(Struct, frozen=True):
    text: str
    label: str
    is_held_back: bool = False


def languages(folder: Path) -> Iterator[Labelled]:
    """Sentences, word pairs and words of 75 languages, and the starts of translated pages."""
    known = set()
    for record in read_training(folder, "lingua-train"):
        known.add(record.label)
        is_back = record.kind == "sentence" and is_held_back(record.text)
        yield Labelled(record.text, record.label, is_back)
    for record in read_training(folder, "tldr-other"):
        if record.label in known:
            yield Labelled(record.text[:_PAGE_CHARACTERS], record.label)


def intents(folder: Path) -> Iterator[Labelled]:
    """Everyday requests of 150 kinds, and some of no kind."""
    return map(_intent, read_training(folder, "clinc150-train"))


def validation_intents(folder: Path) -> list[Labelled]:
    """On these the threshold of the scope is set."""
    return [_intent(record) for record in read_validation(folder, "clinc150-val")]


def _intent(record: Record) -> Labelled:
    return Labelled(record.text, OUT_OF_SCOPE if record.label == "oos" else record.label)


def banking(folder: Path) -> Iterator[Labelled]:
    """Requests to a bank."""
    for record in read_training(folder, "banking77-train"):
        yield Labelled(record.text, record.label, is_held_back(record.text))


def attack_windows(dials: InjectionDials, seed: int, around: list[str]) -> list[str]:
    """Sentences of all learned families; one in four has some words of other text around it."""
    draw = random.Random(seed)
    families = train_families(dials.each_family, seed)
    return [
        text if draw.random() < _ALONE else _amid(text, draw.choice(around).split(), draw)
        for texts in families.values()
        for text in texts
    ]


def _amid(text: str, other: list[str], draw: random.Random) -> str:
    before, after = draw.randint(0, 12), draw.randint(0, 12)
    return " ".join([*other[:before], text, *other[before : before + after]])


def narrowed(attacks: list[str], head: InjectionHead) -> list[str]:
    """Each long attack cut down to the words that a first fit thinks worst: what stands around an
    order is no attack, and must not be learned as one."""
    return [_worst_window(text, head) for text in attacks]


def _worst_window(text: str, head: InjectionHead) -> str:
    words = text.split()
    if len(words) <= WINDOW_WORDS:
        return text
    starts = range(0, len(words) - WINDOW_WORDS // 2, WINDOW_WORDS // 4)
    windows = [" ".join(words[at : at + WINDOW_WORDS]) for at in starts]
    return max(windows, key=lambda window: head.evidence(plain(window)))


def ordinary_windows(folder: Path, draw: random.Random) -> list[str]:
    """Pieces of text that nobody wrote for this recipe."""
    pieces: list[str] = []
    for name in _CALM_FILES:
        for text in _texts(folder, name):
            if not is_held_back(text):
                pieces += _some_windows(text, draw)
    return pieces


def _some_windows(text: str, draw: random.Random) -> list[str]:
    words = text[:6000].split()
    windows = [" ".join(words[at : at + WINDOW_WORDS]) for at in range(0, len(words), WINDOW_WORDS)]
    return windows if len(windows) <= _WINDOWS_EACH else draw.sample(windows, _WINDOWS_EACH)


def held_back_prompts(folder: Path) -> dict[str, list[str]]:
    """Whole prompts and page starts that the injection head was not fitted on, by file."""
    return {
        name: [text[:_PASTE_CHARACTERS] for text in _texts(folder, name) if is_held_back(text)]
        for name in _CALM_FILES
    }


def _texts(folder: Path, name: str) -> Iterable[str]:
    for number, record in enumerate(read_training(folder, name)):
        if number == _CALM_FILES[name]:
            return
        yield record.text or record.prompt
