"""The price list of a running server: tiers on every wire, a new list, and what is refused."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from google import genai

from contract.boto3_client import boto3_client
from servers import Server, cli, free_port, served, start_server

_CONFIG = """
[engines.spark]
enabled = false

[models.sold]
engine = "echo"
abilities = ["chat", "tools", "json", "completion"]
native_body = "chat-completions"

[models.later]
engine = "echo"

[prices]
check_s = 0.1
"""
_LIST = """
version = "{version}"
currency = "USD"
unit = "1M tokens"

[[rows]]
model = "sold"
input = "{price}"
output = "{price}"

[[rows]]
model = "sold"
tier = "flex"
input = "0.5"
output = "0.5"

[[rows]]
model = "later"
from = 2100-01-01
input = "1"
output = "1"
"""


def _write(home: Path, **how: str) -> None:
    draft = home / "prices.draft"
    draft.write_text(_LIST.format(**how))
    draft.replace(home / "prices.toml")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a price list that sells two tiers of one model."""
    home = tmp_path_factory.mktemp("shop")
    _write(home, version="v1", price="1")
    with served(home, config=_CONFIG) as running:
        yield running


def _last(server: Server) -> dict[str, Any]:
    """The last request in the books."""
    requests: Any = server.admin("GET", "/requests?limit=1000")["data"]
    return requests[-1]


@pytest.fixture(scope="module")
def gpt(shop: Server) -> Iterator[openai.OpenAI]:
    with _openai(shop) as client:
        yield client


@pytest.fixture(scope="module")
def claude(shop: Server) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=shop.url, api_key=shop.bearer_key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def gemini(shop: Server) -> Iterator[genai.Client]:
    client = genai.Client(api_key=shop.bearer_key, http_options={"base_url": shop.url})
    yield client
    client.close()


@pytest.fixture(scope="module")
def bedrock(shop: Server) -> Iterator[Any]:
    client = boto3_client(shop)
    yield client
    client.close()


def _openai(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.bearer_key, max_retries=0)


_SAID: Any = [{"role": "user", "content": "one two three"}]
_TIERS = [("flex", "flex", "flex"), ("priority", "default", ""), ("auto", "default", None)]


@pytest.mark.parametrize(("asked", "sold", "told"), _TIERS)
def test_openai_is_told_the_tier_that_was_sold(
    shop: Server, gpt: openai.OpenAI, asked: Any, sold: str, told: str | None
) -> None:
    """Protects callers and the bill: the answer names the tier whose price was charged."""
    client = gpt
    raw = client.chat.completions.with_raw_response.create(
        model="sold", messages=_SAID, service_tier=asked
    )
    assert raw.parse().service_tier == sold
    assert raw.headers.get("x-kilonova-ignored") == ("service_tier" if told == "" else None)
    booked = _last(shop)
    assert booked["price_version"] == f"v1:sold/{sold}"
    tokens = booked["input_tokens"] + booked["output_tokens"]
    assert float(booked["price"]) == pytest.approx(tokens * (0.5e-6 if sold == "flex" else 1e-6))
    stream = client.chat.completions.create(
        model="sold", messages=_SAID, service_tier=asked, stream=True
    )
    assert {chunk.service_tier for chunk in stream} == {sold}
    response = client.responses.create(model="sold", input="one two", service_tier=asked)
    assert response.service_tier == sold
    assert _last(shop)["price_version"] == f"v1:sold/{sold}"


@pytest.mark.parametrize(("asked", "sold"), [("flex", "flex"), ("reserved", "default")])
def test_bedrock_is_told_the_tier_that_was_sold(
    shop: Server, bedrock: Any, asked: str, sold: str
) -> None:
    """Protects callers of Converse and InvokeModel, whole and streamed."""
    client = bedrock
    said: Any = {"messages": [{"role": "user", "content": [{"text": "one two"}]}]}
    answer = client.converse(modelId="sold", serviceTier={"type": asked}, **said)
    assert answer["serviceTier"] == {"type": sold}
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers.get("x-kilonova-ignored") == (None if asked == sold else "serviceTier")
    streamed = client.converse_stream(modelId="sold", serviceTier={"type": asked}, **said)
    assert list(streamed["stream"])[-1]["metadata"]["serviceTier"] == {"type": sold}
    assert _last(shop)["price_version"] == f"v1:sold/{sold}"
    body = json.dumps({"messages": _SAID})
    whole = client.invoke_model(modelId="sold", body=body, serviceTier=asked)
    assert whole["serviceTier"] == sold
    assert _last(shop)["price_version"] == f"v1:sold/{sold}"
    events = client.invoke_model_with_response_stream(modelId="sold", body=body, serviceTier=asked)
    assert events["ResponseMetadata"]["HTTPHeaders"]["x-amzn-bedrock-service-tier"] == sold
    assert list(events["body"])
    assert _last(shop)["price_version"] == f"v1:sold/{sold}"


@pytest.mark.parametrize(
    ("asked", "sold"),
    [("flex", "flex"), ("priority", "standard"), ("standard", "standard")],
)
def test_gemini_is_told_the_tier_that_was_sold(
    shop: Server, gemini: genai.Client, asked: str, sold: str
) -> None:
    """Protects callers: Google's own advice is to look for a downgrade in this header."""
    answer = gemini.models.generate_content(
        model="sold", contents="one two", config={"service_tier": asked}
    )
    assert answer.sdk_http_response is not None
    headers = {name.lower(): value for name, value in answer.sdk_http_response.headers.items()}
    assert headers["x-gemini-service-tier"] == sold
    assert ("x-kilonova-ignored" in headers) == (asked == "priority")
    named = "default" if sold == "standard" else sold
    assert _last(shop)["price_version"] == f"v1:sold/{named}"


def test_anthropic_buys_the_standard_tier(shop: Server, claude: anthropic.Anthropic) -> None:
    """Protects callers of a wire on which no tier can be named: none dearer is sold to them."""
    for tier in ("auto", "standard_only"):
        answer = claude.messages.create(
            model="sold", max_tokens=9, messages=_SAID, service_tier=tier
        )
        assert answer.usage.service_tier == "standard"
    assert _last(shop)["price_version"] == "v1:sold/default"


def test_a_model_without_a_price_is_refused_on_every_wire(
    shop: Server,
    gpt: openai.OpenAI,
    claude: anthropic.Anthropic,
    gemini: genai.Client,
    bedrock: Any,
) -> None:
    """Protects revenue: what nobody priced is not on sale, and each SDK says not found."""
    before = len(shop.admin("GET", "/requests?limit=1000")["data"])  # type: ignore[arg-type]
    with pytest.raises(openai.NotFoundError, match="'later' is not on sale"):
        gpt.chat.completions.create(model="later", messages=_SAID)
    with pytest.raises(anthropic.NotFoundError, match="'later' is not on sale"):
        claude.messages.create(model="later", max_tokens=9, messages=_SAID)
    with pytest.raises(bedrock.exceptions.ResourceNotFoundException, match="is not on sale"):
        bedrock.converse(modelId="later", messages=[{"role": "user", "content": [{"text": "x"}]}])
    with pytest.raises(genai.errors.ClientError, match=r"404.*is not on sale"):
        gemini.models.generate_content(model="later", contents="x")
    assert len(shop.admin("GET", "/requests?limit=1000")["data"]) == before  # type: ignore[arg-type]
    models = {row["id"]: row for row in shop.admin("GET", "/models")["data"]}  # type: ignore
    assert models["later"]["price"] is None
    assert "not on sale" in cli("models", "list", home=shop.home).stdout


def test_a_new_list_is_for_new_requests(shop: Server, gpt: openai.OpenAI) -> None:
    """Protects whoever is being served: a running stream keeps its price; the next one pays the
    new one; a list with a mistake changes nothing, and is told."""
    stream = gpt.chat.completions.create(
        model="sold",
        messages=[{"role": "user", "content": "[[echo: tokens=6, delay_ms=200]]"}],
        stream=True,
    )
    next(iter(stream))
    _write(shop.home, version="v2", price="8")
    shown = shop.admin("POST", "/prices/reload")
    assert shown["version"] == "v2"
    list(stream)
    assert _last(shop)["price_version"] == "v1:sold/default"
    gpt.chat.completions.create(model="sold", messages=_SAID)
    assert _last(shop)["price_version"] == "v2:sold/default"
    _write(shop.home, version="v3", price="-1")
    failed = cli("prices", "reload", home=shop.home, check=False)
    assert failed.returncode == 1
    assert "input: -1 is below zero" in failed.stderr
    assert "The prices in use are the same as before" in failed.stderr
    _write(shop.home, version="v1", price="1")
    _until_version(shop, "v1")


def _until_version(server: Server, version: str) -> None:
    """The server looks at the file by itself."""
    deadline_s = time.monotonic() + 10
    while server.admin("GET", "/prices")["version"] != version:
        assert time.monotonic() < deadline_s, f"{version} was not taken up"
        time.sleep(0.05)


def test_an_import_reaches_the_running_server(
    shop: Server, gpt: openai.OpenAI, tmp_path: Path
) -> None:
    """Protects the way from a public list to a bill: one command, no restart, and back."""
    public = tmp_path / "list.json"
    public.write_text(json.dumps({
        "theirs": {
            "input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06,
            "input_cost_per_token_priority": 4e-06, "output_cost_per_token_priority": 1.6e-05,
            "mode": "chat", "litellm_provider": "vendor",
        }
    }))  # fmt: skip
    arguments = ("prices", "import", str(public), "--model", "sold=theirs", "--json")
    dry = json.loads(cli(*arguments, "--dry-run", home=shop.home).stdout)
    assert (dry["is_written"], dry["rows"]) == (False, 2)
    assert shop.admin("GET", "/prices")["version"] == "v1"
    done = json.loads(cli(*arguments, home=shop.home).stdout)
    assert done["changes"] == dry["changes"]
    priced = json.loads(cli("prices", "show", "--model", "sold", "--json", home=shop.home).stdout)[
        "data"
    ]
    assert [(row["tier"], row["price"]["input"]) for row in priced] == [
        ("default", "2.000000000"),
        ("priority", "4.000000000"),
    ]
    told = gpt.chat.completions.create(model="sold", messages=_SAID, service_tier="priority")
    assert told.service_tier == "priority"
    before = shop.home / "prices.toml.before"
    compared = cli("prices", "diff", str(before), home=shop.home).stdout.splitlines()
    assert [line.split("  ")[0] for line in compared if "priority" not in line] == [
        "~ sold/default",
        "+ sold/flex",
    ]
    for wrong, code in (("sold=nowhere", 4), ("sold", 2)):
        command = ("prices", "import", str(public), "--model", wrong)
        assert cli(*command, home=shop.home, check=False).returncode == code
    unknown = cli("prices", "show", "--model", "foo", home=shop.home, check=False)
    assert unknown.returncode == 4
    assert "There is no model 'foo' here" in unknown.stderr
    before.replace(shop.home / "prices.toml")
    _until_version(shop, "v1")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP here")
def test_a_hangup_takes_the_list_up_and_is_in_the_log(shop: Server) -> None:
    """Protects operators who reload as they do elsewhere: the list is taken up at once, the log of
    changes says so, and a list with an error in it changes nothing."""
    path = shop.home / "prices.toml"
    first = path.read_text()
    path.write_text(first.replace('version = "v1"', 'version = "v7"'))
    shop.process.send_signal(signal.SIGHUP)
    _until_version(shop, "v7")
    told = json.loads(cli("audit", "--json", home=shop.home).stdout)["data"]
    assert "prices.reloaded" in [entry["action"] for entry in told]
    path.write_text("version = ")
    shop.process.send_signal(signal.SIGHUP)
    path.write_text(first)
    shop.process.send_signal(signal.SIGHUP)
    _until_version(shop, "v1")


def _refused_start(home: Path) -> str:
    """What ``serve`` says when it will not start."""
    done = cli("serve", "--port", str(free_port()), home=home, check=False)
    assert done.returncode != 0
    return done.stderr


def test_what_cannot_be_sold_stops_the_start(tmp_path: Path) -> None:
    """Protects operators: no server runs that would sell at no price or in two currencies, or
    book into the past; and the first key is not shown to nobody."""
    home = tmp_path / "home"
    home.mkdir()
    config = home / "kilonova.toml"
    config.write_text('[engines.spark]\nenabled = false\n[models.mine]\nengine = "echo"\n')
    assert "mine has no price" in _refused_start(home)
    assert not (home / "kilonova.db").exists()
    config.write_text('[engines.spark]\nenabled = false\n[prices]\nunpriced = "free"\n')
    server = start_server(home)
    try:
        server.bearer_key = server.new_key()["bearer_key"]
        with _openai(server) as client:
            client.chat.completions.create(model="echo", messages=_SAID)
    finally:
        assert server.stop() == 0
    config.write_text('[prices]\ncurrency = "EUR"\n')
    said = _refused_start(home)
    assert "prices.currency: EUR, and the books" in said
    config.unlink()
    _into_the_future(home)
    said = _refused_start(home)
    assert "the youngest request in the books ended at 2100-01-01T00:00:00Z" in said


def _into_the_future(home: Path) -> None:
    """As if the machine's clock had been years ahead, and was put back."""
    import apsw

    connection = apsw.Connection(os.fspath(home / "kilonova.db"))
    connection.execute("UPDATE usage_records SET finished_ms = 4102444800000")
    connection.close()


def test_a_replayed_answer_names_the_tier_of_the_first(shop: Server, gpt: openai.OpenAI) -> None:
    """Protects retries: billed once, at one tier, and told so again."""
    headers = {"Idempotency-Key": "once"}
    told = [
        gpt.chat.completions.create(
            model="sold", messages=_SAID, service_tier="flex", extra_headers=headers
        ).service_tier
        for _ in range(2)
    ]
    assert told == ["flex", "flex"]
