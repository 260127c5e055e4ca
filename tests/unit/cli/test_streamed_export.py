"""``kilonova export requests`` by pages, the tax's name, and spans that end before they begin."""

import asyncio
import csv
import io
from pathlib import Path

import pytest

from kilonova.admin import schema
from kilonova.billing.invoice.stationery import open_stationery
from kilonova.cli import exits, pages
from kilonova.settings import InvoiceSettings
from unit.cli.conftest import Terminal


def test_requests_are_written_a_page_at_a_time(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects memory where there are millions: many pages, one head, each request once; a file is
    whole, and nothing is left beside it."""
    key = terminal.json("keys", "create")["id"]
    for number in range(5):
        asyncio.run(terminal.office.book(key, request_id=f"req_{number}", tokens=10))
    monkeypatch.setattr(pages, "PAGE_MAX", 2)
    span = ("--from", "2026-11-01", "--to", "2026-12-01")
    assert terminal.run("export", "requests", *span) == exits.OK, terminal.stderr
    rows = list(csv.DictReader(io.StringIO(terminal.stdout)))
    assert sorted(row["id"] for row in rows) == [f"req_{number}" for number in range(5)]
    assert set(rows[0]) == set(schema.RequestView.__struct_fields__)
    file = tmp_path / "requests.csv"
    assert terminal.run("export", "requests", *span, "--out", str(file)) == exits.OK
    assert list(csv.DictReader(io.StringIO(file.read_text()))) == rows
    assert not list(tmp_path.glob("*.part"))
    assert "5 rows" in terminal.stderr


@pytest.mark.parametrize(
    "command", [("usage",), ("export", "requests"), ("export", "focus"), ("ledger", "adjustments")]
)
def test_a_span_that_ends_before_it_begins_is_refused(
    terminal: Terminal, command: tuple[str, ...]
) -> None:
    """Protects from an empty report that looks like an answer."""
    code = terminal.run(*command, "--from", "2026-11-02", "--to", "2026-11-01")
    assert code == exits.USAGE
    assert "to: 2026-11-01 does not come after 2026-11-02" in terminal.stderr


@pytest.mark.parametrize(("written", "ppm"), [(20, 200_000), ("5.5", 55_000), ("", 0)])
def test_a_tax_is_a_number_or_a_decimal(written: str | int, ppm: int) -> None:
    """Protects whoever writes ``tax_percent = 20``."""
    assert open_stationery(InvoiceSettings(tax_percent=written)).tax_ppm == ppm


def test_corrections_show_tokens_and_their_end(terminal: Terminal) -> None:
    """Protects operators who look when a credit ends, and how many tokens are free."""
    terminal.run("ledger", "credit", "20", "--reason", "welcome", "--until", "2027-01-01")
    terminal.run("ledger", "allowance", "5", "--tokens", "1000", "--reason", "plan")
    assert terminal.run("ledger", "adjustments") == exits.OK
    assert "2027-01-01 00:00" in terminal.stdout
    assert "1000" in terminal.stdout
