"""How output is written."""

import io

import pytest

from kilonova.cli.output import Output, columns


class Screen(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_columns_are_aligned_and_never_cut() -> None:
    """Protects ``awk`` and people: each cell is whole, each column begins in one place."""
    assert columns([("ID", "NAME"), ("key_1", "a"), ("k", "long name")]) == [
        "ID     NAME", "key_1  a", "k      long name",
    ]  # fmt: skip
    assert columns([("ID",)]) == ["ID"]


def test_a_cell_is_text_and_gives_a_terminal_no_orders() -> None:
    """Protects operators: members choose their names, and a terminal obeys what is not shown."""
    assert columns([("NAME",), ("\x1b]0;gone\x07A\nda\x9b2J",), ("Zoé 漢",)]) == [
        "NAME", "�]0;gone�A�da�2J", "Zoé 漢",
    ]  # fmt: skip


def test_data_and_messages_do_not_mix() -> None:
    """Protects pipes."""
    out, err = io.StringIO(), io.StringIO()
    output = Output(stdout=out, stderr=err)
    output.table(("A",), [("1",)])
    output.note("note")
    output.failure("bad")
    output.progress("working")
    assert (out.getvalue(), err.getvalue()) == ("A\n1\n", "note\nerror: bad\n")


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects logs from escape codes, and NO_COLOR's promise."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m" in Output(stderr=Screen()).style("x", "red")
    assert Output(stderr=io.StringIO()).style("x", "red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Output(stderr=Screen()).style("x", "red") == "x"
    assert Output(stdout=Screen(), stderr=Screen()).mark("x", "green") == "x"


def test_a_table_fits_a_terminal_and_a_pipe_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects people with 80 columns from lines that break, and programs from missing columns."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    heads, rows = ("ID", "WHERE", "WHEN"), [("key_1", "somewhere", "2026-11-23")]

    def written(out: io.StringIO, *, is_wide: bool = False) -> tuple[list[str], str]:
        err = io.StringIO()
        output = Output(stdout=out, stderr=err, is_wide=is_wide)
        output.table(heads, rows, least=("WHEN", "WHERE"))
        return out.getvalue().splitlines(), err.getvalue()

    everything = ["ID     WHERE      WHEN", "key_1  somewhere  2026-11-23"]
    assert written(io.StringIO()) == (everything, "")
    assert written(Screen(), is_wide=True) == (everything, "")
    lines, note = written(Screen())
    assert lines == ["ID     WHERE", "key_1  somewhere"]
    assert note == "left out to fit: WHEN; --wide shows all\n"
    monkeypatch.setenv("COLUMNS", "3")
    assert written(Screen())[0] == ["ID", "key_1"]
