"""The profit-and-loss statement of a real server: sold by an SDK, stated by command and API."""

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openai
import pytest

from servers import Server, cli, served

_CONFIG = """
[engines.spark]
enabled = false

[models.seller]
engine = "echo"
price = { input = "3", output = "15" }

[models.giver]
engine = "echo"
price = "free"

[resources.machine]
price = "1200"
life_years = "5"
capital_rate = "0.05"
watts_idle = "20"
watts_max = "90"
kwh_price = "0.15"
grid_g_kwh = "50"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that sold seven answers of two models to two organisations."""
    with served(tmp_path_factory.mktemp("pnl"), config=_CONFIG) as running:
        cli("organisations", "create", "Acme", home=running.home)
        others = running.new_key("--organisation", "Acme")["bearer_key"]
        for key, model, count in (
            (running.bearer_key, "seller", 3),
            (others, "seller", 2),
            (others, "giver", 2),
        ):
            with openai.OpenAI(base_url=f"{running.url}/v1", api_key=key, max_retries=0) as client:
                for _ in range(count):
                    client.chat.completions.create(
                        model=model, messages=[{"role": "user", "content": "one two three"}]
                    )
        yield running


def _pnl(shop: Server, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("pnl", "--json", *options, home=shop.home).stdout)
    (statement,) = found["data"]
    return statement


def test_the_statement_is_the_ledger(shop: Server) -> None:
    """Protects the operator: revenue is what was billed, by whatever it is told apart."""
    billed = shop.admin("GET", "/usage")["totals"]
    for by in ("model", "engine", "organisation", "project"):
        statement = _pnl(shop, "--by", by)
        assert statement["total"]["revenue"] == billed[0]["price"]  # type: ignore[index]
        lines = [*statement["segments"], statement["platform"]]
        for name in ("revenue", "cost", "operating_income", "idle", "energy", "capital"):
            assert sum(Decimal(line[name]) for line in lines) == Decimal(statement["total"][name])
    assert {line["name"] for line in _pnl(shop, "--by", "organisation")["segments"]} == {
        "default",
        "Acme",
    }


def test_the_cost_is_the_machine(shop: Server) -> None:
    """Protects conservation on a live server: the statement's cost is what the machine cost."""
    statement = _pnl(shop)
    (machine,) = statement["resources"]
    assert machine["resource"] == "machine"
    assert not machine["is_assumed"]
    assert Decimal(machine["cost"]) == Decimal(statement["total"]["cost"]) > 0
    assert Decimal(machine["direct"]) + Decimal(machine["idle"]) == Decimal(machine["cost"])
    kept = _pnl(shop, "--idle", "platform")
    assert Decimal(kept["platform"]["platform"]) > 0
    assert all(line["idle"] == "0.000000000" for line in kept["segments"])


def test_the_page_of_text(shop: Server) -> None:
    """Protects people at a terminal, in both languages."""
    page = cli("pnl", home=shop.home).stdout
    assert "Operating income" in page
    assert "seller" in page
    french = cli("pnl", "--language", "fr", "--capex", "achats=1200", home=shop.home).stdout
    assert "Compte de résultat" in french
    assert "Investissements (achats)" in french


def test_files_of_a_statement(shop: Server, tmp_path: Path) -> None:
    """Protects spreadsheets and readers: CSV with exact amounts, and pictures that are sound."""
    page, pictures = tmp_path / "pnl.html", tmp_path / "pictures"
    run = cli("pnl", "--csv", "--html", str(page), "--svg", str(pictures), home=shop.home)
    rows = list(csv.DictReader(io.StringIO(run.stdout)))
    assert [row["line"] for row in rows] == ["segment", "segment", "platform", "total"]
    assert rows[-1]["revenue"] == _pnl(shop)["total"]["revenue"]
    assert {each.name for each in pictures.iterdir()} >= {"cost.svg", "load.svg"}
    for each in pictures.iterdir():
        ElementTree.fromstring(each.read_text())
    text = page.read_text()
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_what_is_asked_wrongly(shop: Server) -> None:
    """Protects from the statement of another time: a named error, and exit code 2."""
    for options in (["--period", "2026-13"], ["--from", "2026-11-01"], ["--capex", "27.8e9"]):
        run = cli("pnl", *options, home=shop.home, check=False)
        assert run.returncode == 2
        assert run.stderr.startswith("error:")
    absent = cli("pnl", "--currency", "CHF", home=shop.home, check=False)
    assert absent.returncode == 4
    assert "CHF" in absent.stderr


def test_usage_by_engine_says_what_it_took(shop: Server) -> None:
    """Protects the new columns of ``usage``: the same cost as the statement's, without idle."""
    found = json.loads(cli("usage", "--by", "engine", "--json", home=shop.home).stdout)
    (row,) = found["data"]
    assert row["group"] == "echo"
    statement = _pnl(shop)
    assert row["cost"] == statement["resources"][0]["direct"]
    assert row["energy_wh"] == statement["total"]["energy_wh"]
    hours = json.loads(cli("usage", "--by", "hour", "--json", home=shop.home).stdout)["data"]
    assert sum(hour["requests"] for hour in hours) == 7
