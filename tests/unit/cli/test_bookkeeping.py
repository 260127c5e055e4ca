"""``kilonova ledger``, ``invoice`` and ``export`` as an operator types them."""

import asyncio
import csv
import io
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from kilonova.cli import exits
from unit.cli.conftest import Terminal


@pytest.fixture
def charged(terminal: Terminal) -> Terminal:
    """A request of 1.000001 in the first organisation."""
    key = terminal.json("keys", "create")["id"]
    asyncio.run(terminal.office.book(key, request_id="req_1", tokens=1_000_000))
    return terminal


def close(terminal: Terminal) -> None:
    terminal.office.clock.now += 10 * 86_400
    assert terminal.run("ledger", "close", "2026-11") == exits.OK, terminal.stderr


def test_corrections_are_booked_and_listed(charged: Terminal) -> None:
    """Protects the operator's hands: each kind of correction is one line, and shows in the list."""
    commands = [
        ("refund", "req_1", "--reason", "slow", "--amount", "1"),
        ("credit", "20", "--reason", "welcome", "--until", "2027-01-01"),
        ("allowance", "5", "--tokens", "1000", "--reason", "plan"),
        ("adjust", "2.5", "--take-off", "--reason", "tier", "--corrects", "2026-11"),
    ]
    for command in commands:
        assert charged.run("ledger", *command) == exits.OK, charged.stderr
        assert charged.stdout.startswith("adj_")
    listed = charged.json("ledger", "adjustments")["data"]
    assert [each["kind"] for each in listed] == ["refund", "credit", "allowance", "correction"]
    assert [each["owed"] for each in listed] == [
        *("-1.000000000", "0.000000000", "0.000000000", "-2.500000000")
    ]
    assert charged.run("ledger", "adjustments") == exits.OK
    assert "welcome" in charged.stdout


def test_an_invoice_in_every_form(charged: Terminal, tmp_path: Path) -> None:
    """Protects whoever sends invoices: a draft first, then files that verify."""
    assert charged.run("invoice", "default", "2026-11") == exits.OK
    assert "is not closed" in charged.stdout
    close(charged)
    assert "KN-000001" in charged.stdout
    for form, start in (("pdf", b"%PDF"), ("html", b"<!doctype"), ("json", b'{"form"')):
        file = tmp_path / f"invoice.{form}"
        options = ("--format", form, "--out", str(file), "--verify")
        assert charged.run("invoice", "default", "2026-11", *options) == exits.OK
        assert file.read_bytes().startswith(start)
        assert "rebuilt from the ledger" in charged.stderr
    assert charged.run("invoice") == exits.OK
    assert "1.20" in charged.stdout


def test_a_changed_invoice_does_not_verify(charged: Terminal) -> None:
    """Protects customers from an invoice that somebody edited in the store: exit code 8."""
    from msgspec.structs import replace

    close(charged)
    kept = charged.office.store.corrections.invoices
    kept[0] = replace(kept[0], document=kept[0].document.replace(b"Nova", b"Mova"))
    code = charged.run("invoice", "default", "2026-11", "--verify")
    assert code == exits.INTEGRITY
    assert charged.run("ledger", "verify") == exits.INTEGRITY


def test_exports_are_tables(charged: Terminal, tmp_path: Path) -> None:
    """Protects other programs: CSV parses, Parquet keeps decimals, and both have the same rows."""
    import pyarrow.parquet

    span = ("--from", "2026-11-01", "--to", "2026-12-01")
    for what in ("focus", "requests", "usage"):
        assert charged.run("export", what, *span) == exits.OK, charged.stderr
        rows = list(csv.DictReader(io.StringIO(charged.stdout)))
        assert rows
        file = tmp_path / f"{what}.parquet"
        options = ("--format", "parquet", "--out", str(file))
        assert charged.run("export", what, *span, *options) == exits.OK, charged.stderr
        assert pyarrow.parquet.read_table(file).num_rows == len(rows)
    billed = pyarrow.parquet.read_table(tmp_path / "focus.parquet")["BilledCost"].to_pylist()
    assert sum(billed) == Decimal("1.000001")


def test_a_closed_month_cannot_be_closed_again(charged: Terminal) -> None:
    """Protects the frozen month; the message says so."""
    close(charged)
    assert charged.run("ledger", "close", "2026-11") == exits.FAILURE
    assert "closed already" in charged.stderr
    assert charged.run("ledger", "closings") == exits.OK
    assert "2026-11" in charged.stdout


def test_a_missing_package_has_one_exit_code(
    charged: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects scripts: PDF ends as Parquet does where the extra is not installed."""
    monkeypatch.setitem(sys.modules, "fpdf", None)
    assert charged.run("invoice", "default", "2026-11", "--format", "pdf") == exits.CONFIG
    assert "kilonova[export]" in charged.stderr
