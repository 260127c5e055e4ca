"""How a task is put: an instruction and its material, in many words and either order.

A fixed list of a dozen questions teaches a small model those questions, not the task: what it did
in all of sixty cases under known ones it did in eight of sixty under others. Where real text is at
hand, that is in training, wordings are therefore composed from `wordings.toml`, except for those
that stand in the held-out part of a list.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from structure.generators.draw import Draw, Split, part

__all__ = ["Wordings", "beside", "expanded", "phrased", "posed", "wordings"]

_CHOICE = re.compile(r"<([^<>]*)>")
_POSED_SHARE = 0.75
_ASIDE_SHARE = 0.15


class Wordings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `wordings.toml` holds; `<a|b>` in a pattern stands for either."""

    frames: tuple[str, ...]
    materials: tuple[str, ...]
    extraction: tuple[str, ...]
    extraction_by_schema: tuple[str, ...]
    statements: tuple[str, ...]
    labels: tuple[str, ...]
    titles: tuple[str, ...]
    questions: tuple[str, ...]
    relations: tuple[tuple[str, str, str], ...]
    past_verbs: str
    repeats: tuple[str, ...]
    echoes: tuple[str, ...]
    named_links: tuple[str, ...]
    enum_links: tuple[str, ...]
    openings: tuple[str, ...]
    closings: tuple[str, ...]
    descriptions: tuple[str, ...]
    asides: tuple[str, ...]


@cache
def wordings() -> Wordings:
    """The file beside this module."""
    text = Path(__file__).with_name("wordings.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Wordings)


def expanded(draw: Draw, pattern: str) -> str:
    """One of the texts that a pattern stands for."""
    while (found := _CHOICE.search(pattern)) is not None:
        pattern = pattern[: found.start()] + draw.one(found[1].split("|")) + pattern[found.end() :]
    return pattern


def _pattern(draw: Draw, name: str) -> str:
    patterns: tuple[str, ...] = getattr(wordings(), name)
    return draw.one(patterns)


def _framed(draw: Draw, instruction: str) -> str:
    """The instruction before or after its material {t}."""
    kind = draw.one(wordings().materials)
    kind = kind if draw.chance(0.4) else kind.capitalize()
    frame = expanded(draw, draw.one(wordings().frames))
    text = frame.replace("{k}", kind).replace("{i}", instruction)
    return text[0].upper() + text[1:] if draw.chance(0.8) and text[0] != "{" else text


def posed(draw: Draw, listed: Sequence[str], name: str) -> str:
    """A listed request or, in training, mostly an instruction of the named list in a frame."""
    if draw.is_open and draw.chance(_POSED_SHARE):
        made = _framed(draw, expanded(draw, _pattern(draw, name)))
        if made not in part(listed, Split.HELDOUT):
            return made
    return draw.kept(listed)


def phrased(draw: Draw, listed: Sequence[str], name: str, *, share: float = 0.5) -> str:
    """A listed wording or, in training, now and then one composed from the named list."""
    if draw.is_open and draw.chance(share):
        made = expanded(draw, _pattern(draw, name))
        if made not in part(listed, Split.HELDOUT):
            return made
    return draw.kept(listed)


def beside(draw: Draw, text: str, *, may_follow: bool = True) -> str:
    """The request or, in training, now and then with a sentence beside it that changes nothing."""
    if not draw.is_open or not draw.chance(_ASIDE_SHARE):
        return text
    aside = expanded(draw, _pattern(draw, "asides"))
    if not may_follow or draw.chance(0.6):
        return f"{aside} {text}"
    return f"{text} {aside}" if text[-1:] in ".?!" else f"{text}. {aside}"
