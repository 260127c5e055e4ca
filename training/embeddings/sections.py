"""Documents cut into sections: a heading and the prose below it."""

import re
from collections.abc import Iterator

from msgspec import Struct

__all__ = ["Section", "paragraphs", "sections", "sentences"]

_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\"(])")
_BODY_CHARS_MIN = 160


class Section(Struct, frozen=True):
    """``title`` is the document's first heading."""

    title: str
    heading: str
    body: str


def sections(text: str) -> Iterator[Section]:
    """The sections of a document whose body is long enough to be looked for."""
    parts = _HEADING.split(text)
    title = parts[1] if len(parts) > 1 else ""
    for heading, body in zip(parts[1::2], parts[2::2], strict=False):
        stripped = body.strip()
        if len(stripped) >= _BODY_CHARS_MIN:
            yield Section(title, heading, stripped)


def paragraphs(body: str) -> list[str]:
    """Blocks between empty lines, the short ones left out."""
    return [block for block in re.split(r"\n\s*\n", body) if len(block) >= 80]


def sentences(body: str) -> list[str]:
    """Sentences of a sensible length."""
    joined = " ".join(body.split())
    return [one for one in _SENTENCE.split(joined) if 30 <= len(one) <= 300]
