"""Budgets on a real server: what each SDK makes of a refusal, and that no crowd overshoots one."""

import asyncio
import json
import signal
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import openai
import pytest
from botocore.exceptions import ClientError
from google.genai import errors, types

from contract.anthropic.test_errors import Attempts as AnthropicAttempts
from contract.boto3_client import boto3_client
from contract.gemini.sdk import ECHO, Attempts, gemini
from contract.test_openai_errors import Attempts as OpenAIAttempts
from servers import Server, cli, served, start_server

# The SDK of Google makes a class of its own from aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Inheritance class AiohttpClientSession:DeprecationWarning"
)

_WORDS = "one two three four"


def _next_day() -> str:
    return f"{(datetime.now(UTC) + timedelta(days=1)).date().isoformat()}T00:00:00Z"


@pytest.fixture
def poor(server: Server) -> dict[str, str]:
    """A key with the day's money for nothing."""
    return server.new_key("--budget", "100", "--budget-day", "0.000001")


def _check_headers(headers: Any, key_id: str) -> None:
    assert headers["x-kilonova-budget"] == f'day;owner=key;id={key_id};left="0.000001000"'
    assert headers["x-kilonova-budget-reset"] == _next_day()
    assert "retry-after" not in headers


def test_openai_does_not_wait_for_tomorrow(server: Server, poor: dict[str, str]) -> None:
    """Protects against storms: a day's budget is used up after one attempt, and says until when."""
    attempts = OpenAIAttempts()
    with attempts.http:
        client = openai.OpenAI(
            api_key=poor["bearer_key"], base_url=f"{server.url}/v1", http_client=attempts.http
        )
        with pytest.raises(openai.RateLimitError, match="daily budget") as caught:
            client.chat.completions.create(
                model=ECHO, messages=[{"role": "user", "content": _WORDS}], max_tokens=100
            )
    assert caught.value.code == "insufficient_quota"
    assert attempts.count == 1
    _check_headers(caught.value.response.headers, poor["id"])


def test_anthropic_does_not_wait_for_tomorrow(server: Server, poor: dict[str, str]) -> None:
    """As above."""
    attempts = AnthropicAttempts()
    with attempts.http:
        client = anthropic.Anthropic(
            api_key=poor["bearer_key"], base_url=server.url, http_client=attempts.http
        )
        with pytest.raises(anthropic.PaymentRequiredError, match="daily budget") as caught:
            client.messages.create(
                model=ECHO, max_tokens=100, messages=[{"role": "user", "content": _WORDS}]
            )
    assert attempts.count == 1
    _check_headers(caught.value.response.headers, poor["id"])


def test_boto3_does_not_wait_for_tomorrow(server: Server, poor: dict[str, str]) -> None:
    """As above."""
    client = boto3_client(server, key=poor, attempts=3)
    with pytest.raises(ClientError, match="daily budget") as caught:
        client.converse(
            modelId=ECHO,
            messages=[{"role": "user", "content": [{"text": _WORDS}]}],
            inferenceConfig={"maxTokens": 100},
        )
    client.close()
    facts = caught.value.response["ResponseMetadata"]
    assert caught.value.response["Error"]["Code"] == "ServiceQuotaExceededException"
    assert facts["RetryAttempts"] == 0
    _check_headers(facts["HTTPHeaders"], poor["id"])


def test_genai_does_not_wait_for_tomorrow(server: Server, poor: dict[str, str]) -> None:
    """As above; this SDK tries three times where it is told to."""
    attempts = Attempts()
    quick = types.HttpRetryOptions(attempts=3, initial_delay=0.01, max_delay=0.02, jitter=0.01)
    with attempts.http:
        client = gemini(
            server.url, poor["bearer_key"], retry_options=quick, httpx_client=attempts.http
        )
        with pytest.raises(errors.ClientError, match="daily budget") as caught:
            client.models.generate_content(
                model=ECHO, contents=_WORDS, config={"max_output_tokens": 100}
            )
    assert (caught.value.code, caught.value.status) == (400, "FAILED_PRECONDITION")
    assert attempts.count == 1


# A model whose every answer costs 1,000 nano-units: one word, and nothing for the prompt.
_UNIT_NANO = 1_000
_UNITS = """
[engines.spark]
enabled = false

[models.unit]
engine = "echo"
price = { input = "0", output = "1" }
"""
_BUDGET = "0.0001"
_ASKED = {"model": "unit", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}


class _Crowd:
    """Many callers of one key at once; what they got, and what the operator saw meanwhile."""

    def __init__(self, server: Server, key: dict[str, str], levels: tuple[str, ...]) -> None:
        self._server = server
        self._key = key
        self._levels = levels
        self.statuses: list[int] = []
        self.sampled: list[int] = []

    async def rush(self, count: int, *, at_once: int = 400, until: int | None = None) -> None:
        """``until`` so many answers: then the server is killed."""
        barrier = asyncio.Event()
        headers = {"authorization": f"Bearer {self._key['bearer_key']}"}
        limit = aiohttp.TCPConnector(limit=at_once)
        async with aiohttp.ClientSession(headers=headers, connector=limit) as session:

            async def ask() -> None:
                await barrier.wait()
                try:
                    url = f"{self._server.url}/v1/chat/completions"
                    async with session.post(url, json=_ASKED) as answer:
                        await answer.read()
                        self.statuses.append(answer.status)
                except aiohttp.ClientError:
                    self.statuses.append(0)
                if until is not None and self.statuses.count(200) >= until:
                    self._server.process.send_signal(signal.SIGKILL)

            watching = asyncio.create_task(self._watch())
            asking = [asyncio.create_task(ask()) for _ in range(count)]
            barrier.set()
            await asyncio.gather(*asking)
            watching.cancel()

    async def _watch(self) -> None:
        headers = {"authorization": f"Bearer {self._server.admin_token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            while True:
                for level in self._levels:
                    try:
                        url = f"{self._server.url}/kn/v1/limits/{level}"
                        async with session.get(url) as answer:
                            self._note(await answer.json())
                    except aiohttp.ClientError:
                        return
                await asyncio.sleep(0.01)

    def _note(self, shown: dict[str, Any]) -> None:
        for one in shown["budgets"]:
            if one["amount"] is not None:
                self.sampled.append(_nano(one["spent"]) + _nano(one["held"]))


def _nano(text: str) -> int:
    return int(text.replace(".", ""))


async def test_a_crowd_and_a_crash_overshoot_nothing(tmp_path: Path) -> None:
    """Protects budgets (B-1): a thousand callers at once, kill -9 in their midst, a thousand more,
    and exactly the hundred answers that the budgets of three levels allow are sold."""
    server = start_server(tmp_path, config=_UNITS)
    try:
        key = server.new_key("--budget-day", _BUDGET)
        shown: Any = server.admin("GET", "/keys")
        mine = next(one for one in shown["data"] if one["id"] == key["id"])
        levels = (key["id"], mine["project_id"], mine["organisation_id"])
        server.admin("PATCH", f"/limits/{levels[1]}", {"budget_month": _BUDGET})
        server.admin("PATCH", f"/limits/{levels[2]}", {"budget": _BUDGET})
        first = _Crowd(server, key, levels)
        await first.rush(40)
        assert first.statuses == [200] * 40  # no false refusal below half of the budget
        await first.rush(1000, at_once=8, until=60)
        server.process.wait(10)
        assert 60 <= first.statuses.count(200) < 100
        server = start_server(tmp_path)
        second = _Crowd(server, key, levels)
        await second.rush(1000)
        assert set(second.statuses) == {200, 429}
        assert 0 < max(first.sampled + second.sampled) <= 100 * _UNIT_NANO
        for level in levels:
            shown = server.admin("GET", f"/limits/{level}")
            assert _nano(shown["spent"]) == 100 * _UNIT_NANO
        alerts: Any = server.admin("GET", "/alerts")
        told = sorted((one["level_id"], one["percent"]) for one in alerts["data"])
        assert told == sorted((level, percent) for level in levels for percent in (50, 80, 100))
    finally:
        server.stop()
    verified = cli("ledger", "verify", "--json", home=tmp_path, check=False)
    assert verified.returncode == 0, verified.stdout
    log = (tmp_path / "server.log").read_text().splitlines()
    events = [json.loads(line) for line in log if '"budget_alert"' in line]
    assert len(events) == len({(one["level_id"], one["percent"]) for one in events}) >= 8


def test_budgets_are_told_to_the_operator_and_to_nobody_else(tmp_path: Path) -> None:
    """Protects customers from each other: one sees its own limit alone, the operator all; the
    metrics name no one."""
    with served(tmp_path, config=_UNITS) as server:
        acme, zorro = (_customer(server, name) for name in ("acme", "zorro"))
        for key in (acme, acme, zorro):
            _ask_one_word(server, key["bearer_key"])
        with pytest.raises(openai.RateLimitError) as caught:
            _ask_one_word(server, acme["bearer_key"])
        assert acme["id"] in caught.value.message
        assert zorro["id"] not in str(caught.value.body) + str(caught.value.response.headers)
        shown = json.loads(
            cli("limits", "alerts", "--organisation", "zorro", "--json", home=server.home).stdout
        )
        assert [(one["level_id"], one["percent"]) for one in shown["data"]] == [(zorro["id"], 50)]
        everything: Any = server.admin("GET", "/alerts?limit=3")
        assert len(everything["data"]) == 3
        rest: Any = server.admin("GET", f"/alerts?after={everything['next']}")
        assert len(rest["data"]) == 1
        metrics = _metrics(server)
        assert 'kilonova_budget_used_ratio{owner="key",window="day"} 1.0' in metrics
        assert 'kilonova_budget_alerts_total{percent="50"} 2.0' in metrics
        assert acme["id"] not in metrics


def _ask_one_word(server: Server, key: str) -> None:
    client = openai.OpenAI(api_key=key, base_url=f"{server.url}/v1")
    client.chat.completions.create(
        model="unit", max_tokens=1, messages=[{"role": "user", "content": "x"}]
    )


def _customer(server: Server, name: str) -> dict[str, Any]:
    """An organisation's key with the money for two answers a day."""
    server.admin("POST", "/organisations", {"name": name})
    order = {"organisation": name, "limits": {"budget_day": "0.000002"}}
    return server.admin("POST", "/keys", order)


def _metrics(server: Server) -> str:
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
        return text
