"""Splits text into the pieces that have vectors: words, parts of rarer words, bytes of the rest.

Case, accents and ASCII punctuation carry no meaning here and are dropped; ``camelCase`` and
``snake_case`` names are read as their words. The recipe in ``training/embeddings`` splits with this
very file, so that training and serving cannot differ.
"""

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["BYTES", "CONTINUES", "NOTHING", "Pieces", "words"]

NOTHING = "<nothing>"
BYTES = tuple(f"<{byte:02x}>" for byte in range(256))
CONTINUES = "##"  # what a piece begins with that does not begin its word

_PIECE_CHARS_MAX = 32
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+|[^\w\s\x00-\x7f]")


def words(text: str) -> list[str]:
    """The words of a text, in order, folded to their plain form."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return [word.lower() for word in _WORD.findall(text)]


class Pieces:
    """A vocabulary. A piece's number is its place in the list, which begins with the bytes."""

    def __init__(self, vocabulary: Iterable[str]) -> None:
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        self._nothing = self._numbers[NOTHING]
        self._bytes = tuple(self._numbers[piece] for piece in BYTES)

    def __len__(self) -> int:
        return len(self._numbers)

    def split(self, text: str) -> list[int]:
        """The numbers of the pieces of a text; at least one."""
        found: list[int] = []
        numbers = self._numbers
        for word in words(text):
            number = numbers.get(word)
            if number is None:
                found += self._divide(word)
            else:
                found.append(number)
        return found or [self._nothing]

    def _divide(self, word: str) -> list[int]:
        """The longest piece that fits, again and again; bytes where none does."""
        numbers: list[int] = []
        at = 0
        while at < len(word):
            prefix = CONTINUES if at else ""
            for end in range(min(len(word), at + _PIECE_CHARS_MAX), at, -1):
                number = self._numbers.get(prefix + word[at:end])
                if number is not None:
                    numbers.append(number)
                    at = end
                    break
            else:
                numbers += [self._bytes[byte] for byte in word[at].encode()]
                at += 1
        return numbers
