"""Sentences of the known injection families, drawn from the templates in ``families/``.

In a template, [a|b] means either, {slot} what the slot holds, ⏎ a new line, and ⟦ ⟧ are brackets
that stay. Under ``attack`` stand the attacks of a family, under ``calm`` its words in peace.
"""

import random
import re
import tomllib
from pathlib import Path

from msgspec import Struct

from sentry.disguises import DISGUISES

__all__ = [
    "SPENT_PREFIXES",
    "Family",
    "benign_sentences",
    "drawn_from",
    "language_families",
    "learned_families",
    "train_families",
]

_FOLDER = Path(__file__).with_name("families")
_FIRST = _FOLDER / "first.toml"
_SLOTS = _FOLDER / "slots.toml"
_CALM_ONLY = 3  # they hold as many ideas as several families
_SETS = Path(__file__).with_name("sets")
# By the prefix of their families; a set that was scored and looked into is spent.
_SPENT = {"first": ("heldout-1.toml", "calm-1.txt"), "second": ("heldout-2.toml", "calm-2.txt")}
SPENT_PREFIXES = tuple(f"{prefix}_" for prefix in _SPENT)
_SLOT = re.compile(r"\{([a-z]+)\}")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_KEPT = str.maketrans({"⏎": "\n", "⟦": "[", "⟧": "]"})
_SAVED = str.maketrans({"[": "⟦", "]": "⟧"})

_Book = dict[str, dict[str, list[str]]]


class Family(Struct, frozen=True):
    """The templates of one idea."""

    name: str
    attacks: list[str]
    calm: list[str]


def learned_families() -> list[Family]:
    """All families that are learned, without the disguises."""
    book = _first()
    first = [Family(f"first_{name}", lines, []) for name, lines in book["train"].items()]
    first += [Family("first_talk", [], book["benign"]["talk"])]
    return (
        first
        + _spent()
        + [
            Family(name, _lines(part, "attack"), _lines(part, "calm"))
            for file in sorted(_FOLDER.glob("*.toml"))
            if file not in (_FIRST, _SLOTS)
            for name, part in tomllib.loads(file.read_text(encoding="utf-8")).items()
        ]
    )


def language_families() -> frozenset[str]:
    """The learned families that are one language each, or two."""
    files = _FOLDER.glob("tongues*.toml")
    return frozenset(name for file in files for name in tomllib.loads(file.read_text("utf-8")))


def _spent() -> list[Family]:
    """What earlier held-out sets held: scored, then looked into, and learned since."""
    families: list[Family] = []
    for prefix, (attacks, calm) in _SPENT.items():
        book: _Book = tomllib.loads((_SETS / attacks).read_text(encoding="utf-8"))
        families += [
            Family(f"{prefix}_{name}", [line.translate(_SAVED) for line in lines], [])
            for name, lines in book["heldout"].items()
        ]
        lines = (_SETS / calm).read_text(encoding="utf-8").translate(_SAVED).splitlines()
        families.append(Family(f"{prefix}_calm", [], lines))
    return families


def _lines(part: dict[str, str], half: str) -> list[str]:
    return part.get(half, "").splitlines()


def train_families(each: int, seed: int) -> dict[str, list[str]]:
    """So many sentences of every family that is learned, and of every disguise."""
    families = learned_families()
    drawn = {
        one.name: drawn_from(one.attacks, each, f"{seed} {one.name}")
        for one in families
        if one.attacks
    }
    for name, disguise in DISGUISES.items():
        draw = random.Random(f"{seed} {name}")
        plain = [text for texts in drawn.values() for text in texts if text.isascii()]
        drawn[name] = [disguise(draw.choice(plain), draw) for _ in range(each)]
    return drawn


def benign_sentences(each: int, seed: int) -> list[str]:
    """So many sentences of every family's calm half, and more of families that are only calm."""
    return [
        text
        for one in learned_families()
        for text in drawn_from(
            one.calm, each if one.attacks else _CALM_ONLY * each, f"{seed} calm {one.name}"
        )
    ]


def drawn_from(templates: list[str], count: int, seed: str) -> list[str]:
    """So many sentences, all templates in turn; none where there is no template."""
    draw, slots, verbatim = random.Random(seed), _slots(), _first()["verbatim"]
    turns = range(count if templates else 0)
    return [_sentence(templates[turn % len(templates)], slots, verbatim, draw) for turn in turns]


def _first() -> _Book:
    return tomllib.loads(_FIRST.read_text(encoding="utf-8"))


def _slots() -> dict[str, str]:
    own = tomllib.loads(_SLOTS.read_text(encoding="utf-8"))
    return {name: str(text) for name, text in {**_first()["slots"], **own}.items()}


def _sentence(
    template: str, slots: dict[str, str], verbatim: dict[str, list[str]], draw: random.Random
) -> str:
    """Slots hold choices, choices hold slots; what is verbatim comes last and is not read again."""
    text = template
    while (slot := _first_slot(text, slots)) is not None or _CHOICE.search(text):
        if slot is not None:
            text = text.replace(f"{{{slot}}}", slots[slot], 1)
        else:
            text = _CHOICE.sub(lambda match: draw.choice(match[1].split("|")), text)
    text = _SLOT.sub(
        lambda match: draw.choice(verbatim[match[1]]) if match[1] in verbatim else match[0], text
    )
    return text.translate(_KEPT)


def _first_slot(text: str, slots: dict[str, str]) -> str | None:
    return next((name for name in _SLOT.findall(text) if name in slots), None)
