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

__all__ = ["Family", "benign_sentences", "heldout_families", "learned_families", "train_families"]

_FOLDER = Path(__file__).with_name("families")
_FIRST = _FOLDER / "first.toml"
_SLOTS = _FOLDER / "slots.toml"
_HELDOUT = Path(__file__).with_name("sets") / "heldout-1.toml"
_SLOT = re.compile(r"\{([a-z]+)\}")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_KEPT = str.maketrans({"⏎": "\n", "⟦": "[", "⟧": "]"})

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
    return first + [
        Family(name, part["attack"].split("\n")[1:-1], part["calm"].split("\n")[1:-1])
        for file in sorted(_FOLDER.glob("*.toml"))
        if file not in (_FIRST, _SLOTS)
        for name, part in tomllib.loads(file.read_text(encoding="utf-8")).items()
    ]


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
    """So many sentences of every family's calm half; they attack nobody."""
    return [
        text
        for one in learned_families()
        for text in drawn_from(one.calm, each, f"{seed} calm {one.name}")
    ]


def heldout_families() -> dict[str, list[str]]:
    """The families that are measured only: every sentence was written by hand and stands as is."""
    book: _Book = tomllib.loads(_HELDOUT.read_text(encoding="utf-8"))
    return book["heldout"]


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
