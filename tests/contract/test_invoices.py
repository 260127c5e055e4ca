"""From a customer's request over a vendor's SDK to refund, draft and export, on a real server."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import openai
import pytest

from focus import environment, rules
from servers import Server, cli, served

CONFIG = """
[invoice]
name = "Nova Ltd"
tax_percent = "20"

[models."shop.echo"]
engine = "echo"
price = { input = "3", output = "15" }
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose echo costs something. When it stops, its ledger is verified."""
    with served(tmp_path_factory.mktemp("shop"), config=CONFIG) as running:
        yield running


def asked(server: Server) -> None:
    """One answer over OpenAI's SDK."""
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.bearer_key)
    with client:
        client.chat.completions.create(
            model="shop.echo", messages=[{"role": "user", "content": "one two three"}]
        )


def run(server: Server, *arguments: str) -> str:
    return cli(*arguments, home=server.home).stdout


def test_the_books_of_a_running_server(shop: Server, tmp_path: Path) -> None:
    """Protects the operator's day: what was charged over the wire is on the draft, a refund takes
    it off, the export says the same, and a month that runs is not closed."""
    asked(shop)
    asked(shop)
    requests = json.loads(run(shop, "export", "requests", *_span(), "--json"))["data"]
    charged = sum(Decimal(each["price"]) for each in requests)
    assert charged > 0
    refunded = requests[0]
    run(shop, "ledger", "refund", refunded["id"], "--reason", "broken", "--client-token", "a")
    run(shop, "ledger", "refund", refunded["id"], "--reason", "broken", "--client-token", "a")
    rows = list(csv.DictReader(io.StringIO(run(shop, "export", "focus", *_span()))))
    billed = sum(Decimal(row["BilledCost"]) for row in rows)
    assert billed == charged - Decimal(refunded["price"])
    month = datetime.now(UTC).strftime("%Y-%m")
    draft = json.loads(run(shop, "invoice", "default", month, "--format", "json"))
    assert Decimal(draft["totals"]["subtotal"]) == billed
    assert draft["heading"]["issuer"]["name"] == "Nova Ltd"
    page = tmp_path / "draft.pdf"
    run(
        shop, "invoice", "default", month, "--format", "pdf", "--language", "fr", "--out", str(page)
    )
    assert page.read_bytes().startswith(b"%PDF")
    refused = cli("ledger", "close", month, home=shop.home, check=False)
    assert refused.returncode == 1
    assert "still running" in refused.stderr


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_export_of_a_running_server_is_focus(shop: Server, tmp_path: Path) -> None:
    """Protects the claim on real books: FOCUS's validator finds nothing wrong in what the command
    writes, column for column as it is."""
    if problem := environment.install():
        pytest.skip(f"FOCUS's validator cannot be installed here: {problem}")
    asked(shop)
    file = tmp_path / "focus.csv"
    run(shop, "export", "focus", *_span(), "--out", str(file))
    rules.write(tmp_path / "rules")
    verdict = environment.validate(file, rules.VERSION, rule_set=tmp_path / "rules")
    assert "Validation succeeded" in verdict, verdict


def _span() -> tuple[str, ...]:
    """The days around this test."""
    today = datetime.now(UTC).date()
    first, end = today - timedelta(days=1), today + timedelta(days=2)
    return ("--from", first.isoformat(), "--to", end.isoformat())
