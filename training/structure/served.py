"""A Kilonova server of our own, asked as its clients ask: official SDK, bearer key, greedy.

Two ways to ask one item. `SERVED` is what an application does: tools with `tool_choice` auto, a
response format where JSON is wanted. `RAW` takes every grammar away: the tools stand in the system
message exactly as the model's template would have put them, and nothing is enforced.
"""

import asyncio
import enum
import http.client
import json
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from structure.checks import parse_calls
from structure.conversation import Call, Goal, Role, Turn
from structure.items import Item
from structure.progress import report
from structure.template import TURN_END, TURN_START, render
from structure.wire import wire_tools

__all__ = ["Asker", "Mode", "Reply", "ServerFailed", "request_body", "serve_through_api"]

_READY_S_MAX = 60.0
_STOP_S_MAX = 20.0
_REQUEST_S_MAX = 120.0
_ANSWER_TOKENS_MAX = 320
_REPORT_S = 5.0


class ServerFailed(RuntimeError):
    """The server did not start; the message holds the end of its log."""


class Mode(enum.StrEnum):
    """How an item is asked."""

    SERVED = "served"
    RAW = "raw"


class Reply(msgspec.Struct, frozen=True):
    """What came back. `calls` are names with the arguments as text, which may be no JSON."""

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    error: str = ""
    prompt_tokens: int = 0
    output_tokens: int = 0

    def parsed_calls(self) -> tuple[Call, ...] | None:
        """The calls; None where one has arguments that are not a JSON object."""
        found = []
        for name, arguments in self.calls:
            try:
                value = json.loads(arguments)
            except ValueError:
                return None
            if not isinstance(value, dict):
                return None
            found.append(Call(name, value))
        return tuple(found)

    def with_calls_read(self) -> "Reply":
        """Calls that stand in the text as the model wrote them, if all of them can be read."""
        calls = parse_calls(self.text)
        if not calls:
            return self
        read = tuple((c.name, json.dumps(c.arguments, ensure_ascii=False)) for c in calls)
        before = self.text.split("<tool_call>", maxsplit=1)[0].strip()
        return msgspec.structs.replace(self, text=before, calls=read)

    def shown(self) -> str:
        """The answer for a reader."""
        calls = [f"{name}({arguments})" for name, arguments in self.calls]
        return " ".join([*([self.text] if self.text else []), *calls]) or self.error


def _system_text(item: Item) -> str:
    """The first message of the prompt as the template would write it, tools included."""
    conversation = item.conversation()
    lead = [turn for turn in conversation.turns[:1] if turn.role is Role.SYSTEM]
    opening = msgspec.structs.replace(conversation, turns=(*lead, Turn(Role.USER, "")))
    text = "".join(segment.text for segment in render(opening))
    head = f"{TURN_START}system\n"
    return text.removeprefix(head).split(TURN_END)[0] if text.startswith(head) else ""


def _raw_messages(item: Item) -> list[dict[str, Any]]:
    rest = [message for message in item.messages if message["role"] != "system"]
    text = _system_text(item)
    return [*([{"role": "system", "content": text}] if text else []), *rest]


def request_body(item: Item, mode: Mode) -> dict[str, Any]:
    """The fields of the request that depend on the item."""
    if mode is Mode.RAW:
        return {"messages": _raw_messages(item)}
    body: dict[str, Any] = {"messages": list(item.messages)}
    if item.tools:
        body |= {"tools": wire_tools(item.offered()), "tool_choice": "auto"}
    if item.goal is Goal.JSON:
        body["response_format"] = {"type": "json_object"}
    return body


class Asker:
    """One client of a running server, which took `ready_s` to start."""

    def __init__(self, url: str, key: str, *, ready_s: float) -> None:
        from openai import OpenAI

        self.ready_s = ready_s
        self._client = OpenAI(
            base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=_REQUEST_S_MAX
        )

    def ask(self, model: str, body: dict[str, Any]) -> Reply:
        """One greedy answer. A refusal of the server is a reply with an error."""
        from openai import APIStatusError

        create: Any = self._client.chat.completions.create
        settings = {"model": model, "temperature": 0, "max_tokens": _ANSWER_TOKENS_MAX}
        try:
            answer = create(**(settings | body))
        except APIStatusError as error:
            return Reply(error=f"{error.status_code}: {error.message}")
        message = answer.choices[0].message
        calls = [call.function for call in message.tool_calls or ()]
        return Reply(
            message.content or "",
            tuple((call.name, call.arguments) for call in calls),
            prompt_tokens=answer.usage.prompt_tokens,
            output_tokens=answer.usage.completion_tokens,
        )

    def ask_all(
        self, model: str, items: Sequence[Item], modes: Sequence[Mode], *, label: str
    ) -> dict[Mode, list[Reply]]:
        """Every item in turn, each in every mode, with a line of progress now and then.

        An item's modes follow each other, so that the later ones find its prompt in the cache.
        """
        started = shown = time.monotonic()
        replies: dict[Mode, list[Reply]] = {mode: [] for mode in modes}
        for number, item in enumerate(items, start=1):
            for mode in modes:
                reply = self.ask(model, request_body(item, mode))
                replies[mode].append(reply.with_calls_read() if mode is Mode.RAW else reply)
            now = time.monotonic()
            if now - shown >= _REPORT_S or number == len(items):
                shown = now
                rate = number * len(modes) / max(now - started, 1e-9)
                report(f"{label}: {number}/{len(items)} items, {rate:.1f} requests/s")
        return replies

    def stream_times(self, model: str, body: dict[str, Any]) -> tuple[int, float, float]:
        """Tokens of a streamed answer, seconds to its first piece, and seconds to its end."""
        create: Any = self._client.chat.completions.create
        started = time.monotonic()
        first = 0.0
        tokens = 0
        settings = {"model": model, "temperature": 0, "max_tokens": _ANSWER_TOKENS_MAX}
        for chunk in create(
            **settings, **body, stream=True, stream_options={"include_usage": True}
        ):
            if chunk.choices and chunk.choices[0].delta.content:
                first = first or time.monotonic()
            if chunk.usage is not None:
                tokens = chunk.usage.completion_tokens
        ended = time.monotonic()
        return tokens, (first or ended) - started, ended - started


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _config(file: Path, model: str, extra: str) -> str:
    """The file under test behind its model id, one thread; packaged options stay as shipped."""
    from kilonova.catalog.catalog import packaged_models

    engine = next((entry.engine for entry in packaged_models() if entry.id == model), "")
    name = engine or "tested"
    path = json.dumps(str(file.resolve()))
    text = f"{extra}\n[engines.{name}]\nmodel = {path}\nthreads = 1\nprompt_threads = 1\n"
    if not engine:
        entry = f'[models.{json.dumps(model)}]\nengine = "{name}"\ncontext_tokens = 2048\n'
        text += f'kind = "llamacpp"\n{entry}'
    return text


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "kilonova.cli.main", *arguments]


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


async def _wait_until_ready(process: Process, port: int) -> bool:
    deadline = time.monotonic() + _READY_S_MAX
    while time.monotonic() < deadline and process.returncode is None:
        if _is_ready(port):
            return True
        await asyncio.sleep(0.02)
    return False


async def _start(home: Path, port: int, log: Path) -> Process:
    command = _command("serve", "--home", str(home), "--port", str(port))
    with log.open("wb") as sink:
        return await asyncio.create_subprocess_exec(*command, stdout=sink, stderr=sink)


async def _stop(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    async with asyncio.timeout(_STOP_S_MAX):
        await process.wait()


async def _new_key(home: Path) -> str:
    command = _command("keys", "create", "--kind", "bearer", "--json", "--home", str(home))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    output, _ = await process.communicate()
    if process.returncode:
        raise ServerFailed(f"`keys create` ended with {process.returncode}")
    key: str = json.loads(output)["bearer_key"]
    return key


@contextmanager
def serve_through_api(file: Path, *, model: str, config: Path | None = None) -> Iterator[Asker]:
    """`kilonova serve` on a home of its own for a `with` block, the file offered as `model`.

    `config` is another kilonova.toml to serve more models beside it. Raises ServerFailed.
    """
    extra = config.read_text(encoding="utf-8") if config else ""
    with TemporaryDirectory(prefix="kilonova-evaluation-") as folder, asyncio.Runner() as runner:
        home = Path(folder)
        log = home / "server.log"
        (home / "kilonova.toml").write_text(_config(file, model, extra), encoding="utf-8")
        port = _free_port()
        started = time.monotonic()
        process = runner.run(_start(home, port, log))
        try:
            if not runner.run(_wait_until_ready(process, port)):
                tail = log.read_text(encoding="utf-8", errors="replace")[-800:]
                raise ServerFailed(f"the server was not ready in {_READY_S_MAX:g} s:\n{tail}")
            ready_s = time.monotonic() - started
            yield Asker(f"http://127.0.0.1:{port}", runner.run(_new_key(home)), ready_s=ready_s)
        finally:
            runner.run(_stop(process))
