"""Answers say what they cost: in headers, and at the end of streams, to the official SDKs."""

import json
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from contract.boto3_client import boto3_client
from contract.gemini.sdk import gemini
from servers import Server, cli, served, start_server

_ECHO = "kilonova.echo-v1:0"
# A thousandth of a unit of money, and 100 W more than idling, for every second of work.
_CONFIG = """
[engines.spark]
enabled = false

[engines.echo]
first_token_ms = 5

[engines.vendor]
kind = "upstream"
url = "http://127.0.0.1:9/v1"

[models."vendor.one"]
engine = "vendor"
price = { input = "1", output = "2" }

[resources.machine]
rent_hour = "3.6"
watts_idle = 100
watts_max = 200
grid_g_kwh = "36"
sensors = []
"""
_MESSAGES: list[Any] = [{"role": "user", "content": "a b c d"}]


@pytest.fixture(scope="module")
def metered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("metered"), config=_CONFIG) as running:
        yield running


def _client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.bearer_key, max_retries=0)


def _counter(server: Server, name: str) -> Decimal:
    """The sum of a counter over all its labels."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as response:
        lines = response.read().decode().splitlines()
    return sum(
        (Decimal(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{")),
        Decimal(0),
    )


def _check(bill: dict[str, str]) -> None:
    """Cost and energy are those of the same busy time, at the rates of the configuration."""
    busy_s = Decimal(bill["cost"]) * 1000
    assert busy_s > Decimal("0.004")
    energy_wh = busy_s * 100 / 3600
    assert abs(Decimal(bill["energy_wh"]) - energy_wh) < energy_wh / 1000
    assert abs(Decimal(bill["co2e_g"]) - energy_wh * 36 / 1000) < Decimal("0.000003")
    assert (bill["currency"], bill["basis"]) == ("USD", "modelled")
    assert "cost_currency" not in bill


def _headers(response: httpx.Headers | dict[str, str]) -> dict[str, str]:
    """The bill of a whole answer."""
    names = ("price", "currency", "cost", "energy-wh", "co2e-g")
    bill = {name.replace("-", "_"): response[f"x-kilonova-{name}"] for name in names}
    return bill | {"basis": response["x-kilonova-cost-basis"]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"model": _ECHO, "messages": _MESSAGES}),
        ("/v1/completions", {"model": _ECHO, "prompt": ["a b", "c d"]}),
        ("/v1/responses", {"model": _ECHO, "input": "a b c d"}),
        ("/v1/messages", {"model": _ECHO, "messages": _MESSAGES, "max_tokens": 9}),
        (
            f"/v1beta/models/{_ECHO}:generateContent",
            {"contents": [{"role": "user", "parts": [{"text": "a b c d"}]}]},
        ),
        (
            f"/model/{_ECHO}/converse",
            {"messages": [{"role": "user", "content": [{"text": "a b c d"}]}]},
        ),
        (
            f"/model/{_ECHO}/invoke",
            {"messages": [{"role": "user", "content": [{"text": "a b c d"}]}]},
        ),
    ],
)
def test_whole_answers_say_it_on_every_wire(
    metered: Server, path: str, body: dict[str, object]
) -> None:
    """Protects the promise that every answer comes with its price and what it truly took."""
    is_google = "v1beta" in path
    key = "x-goog-api-key" if is_google else "authorization"
    token = metered.bearer_key if is_google else f"Bearer {metered.bearer_key}"
    extra = {"anthropic-version": "2023-06-01"} if path == "/v1/messages" else {}
    answer = httpx.post(f"{metered.url}{path}", json=body, headers={key: token, **extra})
    assert answer.status_code == 200, answer.text
    bill = _headers(answer.headers)
    _check(bill)
    assert Decimal(bill["price"]) > 0


def test_vectors_say_it_too(metered: Server) -> None:
    """Protects requests without an answer in words."""
    raw = _client(metered).embeddings.with_raw_response.create(
        model="kilonova.embed-v1:0", input="hello"
    )
    assert raw.headers["x-kilonova-cost-basis"] == "modelled"
    assert Decimal(raw.headers["x-kilonova-cost"]) >= 0


def _openai_stream(server: Server) -> dict[str, str]:
    stream = _client(server).chat.completions.create(
        model=_ECHO, messages=_MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    last = list(stream)[-1]
    assert last.usage is not None
    assert last.usage.prompt_tokens == 4
    return last.to_dict()["kilonova"]  # type: ignore[return-value]


def _completions_stream(server: Server) -> dict[str, str]:
    stream = _client(server).completions.create(
        model=_ECHO, prompt=["a b", "c d"], stream=True, stream_options={"include_usage": True}
    )
    last = list(stream)[-1]
    assert last.usage is not None
    return last.to_dict()["kilonova"]  # type: ignore[return-value]


def _responses_stream(server: Server) -> dict[str, str]:
    with _client(server).responses.stream(model=_ECHO, input="a b c d") as stream:
        events = list(stream)
        assert stream.get_final_response().output_text == "a b c d"
    # The stream's helper remakes its last event; what came is read once more.
    raw = _client(server).responses.create(model=_ECHO, input="a b c d", stream=True)
    assert events[-1].type == "response.completed"
    return list(raw)[-1].to_dict()["kilonova"]  # type: ignore[return-value]


def _anthropic_stream(server: Server) -> dict[str, str]:
    client = anthropic.Anthropic(base_url=server.url, api_key=server.bearer_key, max_retries=0)
    told: dict[str, str] = {}
    with client.messages.stream(model=_ECHO, max_tokens=9, messages=_MESSAGES) as stream:
        for event in stream:
            if event.type == "message_delta":
                told = event.to_dict()["kilonova"]  # type: ignore[assignment]
        assert stream.get_final_message().usage.output_tokens == 4
    return told


def _gemini_stream(server: Server) -> dict[str, str]:
    """The SDK drops what it does not know, so the bytes are read beside it."""
    client = gemini(server.url, server.bearer_key)
    chunks = list(client.models.generate_content_stream(model=_ECHO, contents="a b c d"))
    usage = chunks[-1].usage_metadata
    assert usage is not None
    assert usage.candidates_token_count == 4
    answer = httpx.post(
        f"{server.url}/v1beta/models/{_ECHO}:streamGenerateContent?alt=sse",
        json={"contents": [{"role": "user", "parts": [{"text": "a b c d"}]}]},
        headers={"x-goog-api-key": server.bearer_key},
    )
    last = answer.text.strip().split("\n\n")[-1].removeprefix("data: ").strip()
    told: dict[str, str] = json.loads(last)["kilonova"]
    return told


def _invoke_stream(server: Server) -> dict[str, str]:
    """What boto3 hands on as bytes; the SDK of the body's own vendor reads the same chunks."""
    with (
        anthropic.AnthropicBedrock(
            base_url=server.url, api_key=server.bearer_key, aws_region="us-east-1", max_retries=0
        ) as client,
        client.messages.stream(model=_ECHO, max_tokens=9, messages=_MESSAGES) as stream,
    ):
        assert stream.get_final_message().usage.output_tokens == 4
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": _MESSAGES}
    answer = boto3_client(server).invoke_model_with_response_stream(
        modelId=_ECHO, body=json.dumps(body)
    )
    last = json.loads(list(answer["body"])[-1]["chunk"]["bytes"])
    assert last["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 4
    told: dict[str, str] = last["kilonova"]
    return told


@pytest.mark.parametrize(
    "listen",
    [
        *(_openai_stream, _completions_stream, _responses_stream, _anthropic_stream),
        *(_gemini_stream, _invoke_stream),
    ],
)
def test_streams_say_it_at_their_end_and_sdks_read_them(metered: Server, listen: Any) -> None:
    """Protects callers of streams: the bill is there, and no official SDK minds it."""
    bill = listen(metered)
    _check(bill)
    assert Decimal(bill["price"]) > 0


def test_boto3_reads_a_stream_with_a_bill_in_it(metered: Server) -> None:
    """Protects ConverseStream: botocore drops the member, and reads all others."""
    answer = boto3_client(metered).converse_stream(
        modelId=_ECHO, messages=[{"role": "user", "content": [{"text": "a b c d"}]}]
    )
    events = list(answer["stream"])
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 4
    assert "kilonova" not in events[-1]["metadata"]
    raw = httpx.post(
        f"{metered.url}/model/{_ECHO}/converse-stream",
        json={"messages": [{"role": "user", "content": [{"text": "a b c d"}]}]},
        headers={"authorization": f"Bearer {metered.bearer_key}"},
    )
    start = raw.content.rindex(b'"kilonova":') + len(b'"kilonova":')
    bill, _ = json.JSONDecoder().raw_decode(raw.content[start:-4].decode())
    _check(bill)


def test_a_repeated_answer_says_the_same_and_is_counted_once(metered: Server) -> None:
    """Protects retries: the bill of the first run again, marked, and no second charge."""
    client = _client(metered)
    before = _counter(metered, "kilonova_billed_nano_total")
    answers = [
        client.chat.completions.with_raw_response.create(
            model=_ECHO, messages=_MESSAGES, extra_headers={"idempotency-key": "same"}
        )
        for _ in range(2)
    ]
    first, again = (_headers(dict(answer.headers)) for answer in answers)
    assert first == again
    assert answers[1].headers["x-kilonova-replayed"] == "true"
    grown = _counter(metered, "kilonova_billed_nano_total") - before
    assert grown == Decimal(first["price"]) * 10**9


def test_a_vendor_without_a_list_has_no_known_cost(metered: Server) -> None:
    """Protects statements: a cost that nobody knows is not told as nothing."""
    with pytest.raises(openai.APIError):
        _client(metered).chat.completions.create(model="vendor.one", messages=_MESSAGES)
    assert _counter(metered, "kilonova_cost_unknown_requests_total") == 1


def test_counters_equal_the_ledger_and_survive_a_restart(tmp_path: Path) -> None:
    """Protects monitoring: money in Prometheus is that of the books, to the nano-unit, and begins
    where the books do."""
    names = ("billed_nano", "direct_cost_nano", "marginal_cost_nano", "energy_joules")
    with served(tmp_path, config=_CONFIG) as first:
        client = _client(first)
        for _ in range(5):
            client.chat.completions.create(model=_ECHO, messages=_MESSAGES)
        counted = {name: _counter(first, f"kilonova_{name}_total") for name in names}
        assert counted["billed_nano"] == 5 * 8000
        assert counted["direct_cost_nano"] > 0
    again = start_server(tmp_path)
    try:
        assert {name: _counter(again, f"kilonova_{name}_total") for name in names} == counted
    finally:
        again.stop()


def test_clients_side_by_side_share_the_clock(metered: Server) -> None:
    """Protects conservation on a real server: eight streams at once, some of them left, take no
    more of the machine than the time that passed, and their costs are that time's, rounded once."""
    names = ("resource_busy_seconds", "direct_cost_nano", "energy_joules")
    before = {name: _counter(metered, f"kilonova_{name}_total") for name in names}
    started_s = time.monotonic()

    def talk(number: int) -> None:
        text = f"[[echo: delay_ms=3]] {'word ' * (20 + number)}"
        with _client(metered).chat.completions.create(
            model=_ECHO, messages=[{"role": "user", "content": text}], stream=True
        ) as stream:
            for count, _ in enumerate(stream):
                if number % 2 and count > 5:
                    break

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(talk, range(24)))
    time.sleep(0.5)
    passed_s = Decimal(time.monotonic() - started_s)
    grown = {name: _counter(metered, f"kilonova_{name}_total") - before[name] for name in names}
    busy_s = grown["resource_busy_seconds"]
    assert passed_s / 20 < busy_s < passed_s
    assert abs(grown["direct_cost_nano"] - busy_s * 10**6) < 2
    assert abs(grown["energy_joules"] - busy_s * 100) < Decimal("0.01")


def test_an_operator_may_keep_the_cost_to_himself(tmp_path: Path) -> None:
    """Protects a margin: with one setting answers tell their price alone."""
    with served(tmp_path, config=f"{_CONFIG}\n[server]\ntells_cost = false\n") as quiet:
        raw = _client(quiet).chat.completions.with_raw_response.create(
            model=_ECHO, messages=_MESSAGES
        )
        assert raw.headers["x-kilonova-price"] == "0.000008000"
        assert not [name for name in raw.headers if "cost" in name or "energy" in name]
        assert set(_openai_stream(quiet)) == {"price", "currency"}


def test_a_wrong_resource_is_named_at_the_start(tmp_path: Path) -> None:
    """Protects the operator: a machine without a rate is no machine that costs nothing."""
    (tmp_path / "kilonova.toml").write_text('[resources.machine]\nwatts_idle = "5"\n')
    tried = cli("serve", "--port", "1", home=tmp_path, check=False)
    assert tried.returncode != 0
    assert "resources.machine.price: missing" in tried.stderr


def test_resources_are_shown_with_their_rates(tmp_path: Path) -> None:
    """Protects the operator: what is in force is seen, and what is assumed is marked."""
    (tmp_path / "kilonova.toml").write_text(_CONFIG)
    own = json.loads(cli("resources", "list", "--json", home=tmp_path).stdout)["data"]
    machine = next(one for one in own if one["name"] == "machine")
    assert (machine["capital_hour"], machine["watts_full"]) == ("3.600000", "200")
    assert machine["engines"] == ["embed", "echo"]
    assert next(one["kind"] for one in own if one["name"] == "upstream:vendor") == "vendor"
    (tmp_path / "kilonova.toml").unlink()
    plain = cli("resources", "list", home=tmp_path)
    assert "machine*" in plain.stdout
    assert "assumed" in plain.stderr


def test_only_a_model_that_writes_here_is_calibrated(tmp_path: Path) -> None:
    """Protects the file: the scripted engine and a vendor have nothing to measure."""
    (tmp_path / "kilonova.toml").write_text(_CONFIG)
    tried = cli("calibrate", "--model", _ECHO, home=tmp_path, check=False)
    assert (tried.returncode, "does not write on this machine" in tried.stderr) == (2, True)
    none = cli("calibrate", home=tmp_path, check=False)
    assert (none.returncode, "No model here writes" in none.stderr) == (2, True)


def test_a_broken_calibration_is_named_at_the_start(tmp_path: Path) -> None:
    """Protects the shares of requests from weights that nobody measured."""
    (tmp_path / "calibration.json").write_text("{}")
    tried = cli("serve", "--port", "1", home=tmp_path, check=False)
    assert tried.returncode == 3
    assert "calibration.json" in tried.stderr
