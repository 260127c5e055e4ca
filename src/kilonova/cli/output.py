"""The only module that writes: data to standard output, everything else to standard error."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from shutil import get_terminal_size
from typing import Any, TextIO

import msgspec

__all__ = ["Output", "columns", "fitting"]

# What a terminal obeys instead of showing it.
_ORDERS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), "\ufffd")
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


class Output:
    """``is_json``: the command's one document goes to standard output, and nothing else does."""

    def __init__(
        self,
        *,
        is_json: bool = False,
        is_wide: bool = False,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.is_json = is_json
        self._is_wide = is_wide
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr

    @property
    def is_live(self) -> bool:
        """True when a person watches standard error, so progress makes sense."""
        return self._stderr.isatty()

    def document(self, value: Any) -> None:
        """One JSON document."""
        encoded = msgspec.json.format(msgspec.json.encode(value), indent=2)
        self._stdout.write(encoded.decode() + "\n")
        self._stdout.flush()

    def text(self, text: str) -> None:
        """Data for a person, or a piece of it; ends its own lines."""
        self._stdout.write(text)
        self._stdout.flush()

    def lines(self, lines: Sequence[str]) -> None:
        """Data for a person, one item a line."""
        self.text("".join(f"{line}\n" for line in lines))

    def table(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], *, least: Sequence[str] = ()
    ) -> None:
        """Aligned columns, whose cells are never cut. Programs get all of them, and so does a
        terminal that is wide enough; else the ``least`` ones are left out, in their order."""
        table, left_out = [heads, *rows], list[str]()
        if self._stdout.isatty() and not self._is_wide:
            table, left_out = fitting(table, least, width=get_terminal_size().columns)
        head, *body = columns(table)
        self.lines([self.style(head, "bold", on=self._stdout), *body])
        if left_out:
            self.note(f"left out to fit: {', '.join(left_out)}; --wide shows all")

    def note(self, message: str) -> None:
        """A message beside the data."""
        self._stderr.write(message + "\n")
        self._stderr.flush()

    def progress(self, message: str) -> None:
        """Replaces the line before it; silent where nobody watches. Empty text clears it."""
        if self.is_live:
            self._stderr.write(f"\r\x1b[K{message}")
            self._stderr.flush()

    def ask(self, prompt: str) -> str | None:
        """A line that a person types, with line editing where there is some; None at the end."""
        with suppress(ImportError):
            import_module("readline")
        try:
            if self._stdout.isatty():
                return input(prompt)
            self._stderr.write(prompt)
            self._stderr.flush()
            return sys.stdin.readline() or None
        except EOFError:
            self.note("")
            return None

    def failure(self, message: str) -> None:
        self.note(f"{self.style('error:', 'red')} {message}")

    def style(self, text: str, name: str, *, on: TextIO | None = None) -> str:
        """Coloured where the stream is a terminal and ``NO_COLOR`` is not set."""
        stream = on or self._stderr
        if os.environ.get("NO_COLOR") or not stream.isatty():
            return text
        return f"\x1b[{_STYLES[name]}m{text}\x1b[0m"

    def mark(self, text: str, name: str) -> str:
        """As ``style``, for standard output."""
        return self.style(text, name, on=self._stdout)


def fitting(
    table: Sequence[Sequence[str]], least: Sequence[str], *, width: int
) -> tuple[list[Sequence[str]], list[str]]:
    """The table without as many of its ``least`` columns as it takes to fit, and their heads."""
    rows, left_out = list(table), list[str]()
    for head in least:
        if max(map(len, columns(rows))) <= width:
            break
        at = list(rows[0]).index(head)
        rows = [[*row[:at], *row[at + 1 :]] for row in rows]
        left_out.append(head)
    return rows, left_out


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines: each column as wide as its widest cell, two spaces between. Cells are
    text, also where somebody's name has signs in it that terminals obey."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        .rstrip()
        .translate(_ORDERS)
        for row in rows
    ]
