"""Wires that a process of Node speaks: one for each script, which holds one conversation."""

import json
import os
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec

from differential import canon
from differential.heard import FEW, Heard, Reach

__all__ = ["Talker", "Talkers", "Told"]

_HERE = Path(__file__).parent
_END_S = 10


class Told(AssertionError):
    """What the script could not do, in its own words."""


class Talker:
    """A ``differential.heard.Wire``, spoken by another process."""

    def __init__(self, script: str) -> None:
        self._process = subprocess.Popen(
            ["node", script],
            cwd=_HERE,
            env={**os.environ, "KILONOVA_CANON": json.dumps(_conversation())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def open(self, name: str, reach: Reach) -> None:
        """A conversation of its own, on one of the wires that the script names."""
        self._tell("open", name=name, reach=msgspec.to_builtins(reach))

    def ask(self, *, is_streamed: bool) -> Heard:
        return msgspec.convert(self._tell("ask", streamed=is_streamed), Heard)

    def answer(self, *, is_streamed: bool) -> Heard:
        return msgspec.convert(self._tell("answer", streamed=is_streamed), Heard)

    def say(self, text: str, *, is_streamed: bool) -> Heard:
        return msgspec.convert(self._tell("say", text=text, streamed=is_streamed), Heard)

    def show(self, png: bytes) -> None:
        self._tell("show", png=b64encode(png).decode())

    def leave(self, text: str) -> None:
        self._tell("leave", text=text)

    def close(self) -> None:
        """Nothing: the process goes on to the next conversation."""

    def end(self) -> None:
        """Ends the process, which stops when nothing more is to be said."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _tell(self, act: str, **given: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"act": act, **given}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise Told("the script ended")
        told: dict[str, Any] = json.loads(line)
        if "unexpected" in told:
            raise Told(told["unexpected"])
        return told.get("heard")


class Talkers:
    """A process for each script, started when it is first needed."""

    def __init__(self) -> None:
        self._running: dict[str, Talker] = {}

    def open(self, script: str, name: str, reach: Reach) -> Talker:
        talker = self._running.get(script)
        if talker is None:
            talker = self._running[script] = Talker(script)
        talker.open(name, reach)
        return talker

    def end(self) -> None:
        for talker in self._running.values():
            talker.end()


def _conversation() -> dict[str, object]:
    """The conversation, as talk.mjs reads it."""
    return {
        "system": canon.SYSTEM,
        "question": canon.QUESTION,
        "calls": canon.CALLS,
        "results": canon.RESULTS,
        "failed": canon.FAILED,
        "tools": canon.TOOLS,
        "answer_schema": canon.ANSWER_SCHEMA,
        "max_tokens": canon.MAX_TOKENS,
        "temperature": canon.TEMPERATURE,
        "top_p": canon.TOP_P,
        "stop": canon.STOP,
        "few": FEW,
    }
