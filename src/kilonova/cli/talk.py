"""A conversation over the OpenAI wire, as its SDK would hold it, with nothing but the standard
library: the command line must start fast.
"""

import http.client
import time
from collections.abc import Generator, Iterator
from typing import Any

import msgspec

from kilonova.cli import exits
from kilonova.cli.exits import CommandError
from kilonova.cli.link import open_link
from kilonova.home import ServerNote

__all__ = ["Talk", "Turn"]

_PATH = "/v1/chat/completions"
_SILENCE_S = 600.0
# What comes in less time came at once, and its speed is that of the connection.
_BURST_S = 0.05
_CODES = {
    401: exits.AUTH,
    402: exits.QUOTA,
    403: exits.AUTH,
    404: exits.NOT_FOUND,
    429: exits.QUOTA,
}


class Turn:
    """What is known of one answer once it has ended, or was stopped."""

    def __init__(self) -> None:
        self.request_id = ""
        self.input_tokens = 0
        self.output_tokens = 0
        self.text = ""
        self.first_s: float | None = None
        self.last_s: float | None = None

    @property
    def tokens_per_s(self) -> float | None:
        """The speed of writing, without the time to the first token."""
        if self.first_s is None or self.last_s is None or self.last_s - self.first_s < _BURST_S:
            return None
        return max(0, self.output_tokens - 1) / (self.last_s - self.first_s)


class Talk:
    """Keeps the messages. A question that was not answered whole leaves no trace in them."""

    def __init__(
        self,
        *,
        note: ServerNote,
        bearer_key: str,
        model: str,
        system: str | None = None,
        max_tokens: int | None = None,
    ) -> None:
        self._note = note
        self._bearer_key = bearer_key
        self._model = model
        self._max_tokens = max_tokens
        self._opening = [{"role": "system", "content": system}] if system else []
        self._messages: list[dict[str, str]] = list(self._opening)
        self.turn = Turn()

    def forget(self) -> None:
        """Begins anew."""
        self._messages = list(self._opening)

    def ask(self, question: str) -> Generator[str, None, None]:
        """The answer in pieces; ``turn`` tells about it. Closing the iterator stops the answer."""
        self.turn = turn = Turn()
        messages = [*self._messages, {"role": "user", "content": question}]
        connection = open_link(self._note, timeout_s=_SILENCE_S)
        try:
            response = self._send(connection, messages)
            turn.request_id = response.headers.get("x-kilonova-request-id", "")
            for chunk in _chunks(response):
                piece = _read(chunk, turn)
                if piece:
                    turn.text += piece
                    yield piece
        except http.client.HTTPException as error:
            raise CommandError(f"The answer broke off: {error!r}.") from None
        except ConnectionRefusedError as error:
            raise CommandError(f"The server is gone: {error}.", code=exits.UNREACHABLE) from None
        finally:
            connection.close()
        self._messages = [*messages, {"role": "assistant", "content": turn.text}]

    def _send(
        self, connection: http.client.HTTPConnection, messages: list[dict[str, str]]
    ) -> http.client.HTTPResponse:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._max_tokens is not None:
            body["max_tokens"] = self._max_tokens
        headers = {
            "authorization": f"Bearer {self._bearer_key}",
            "content-type": "application/json",
        }
        connection.request("POST", _PATH, msgspec.json.encode(body), headers)
        response = connection.getresponse()
        if response.status != 200:
            code = _CODES.get(response.status, exits.FAILURE)
            raise CommandError(_message(response.read(), response.status), code=code)
        return response


def _chunks(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """The JSON values of a server-sent event stream, up to ``[DONE]``."""
    for line in response:
        field, _, value = line.decode().strip().partition(": ")
        if field != "data":
            continue
        if value == "[DONE]":
            return
        yield msgspec.json.decode(value)
    raise http.client.IncompleteRead(b"")


def _read(chunk: dict[str, Any], turn: Turn) -> str:
    if "error" in chunk:
        raise CommandError(str(chunk["error"].get("message", chunk["error"])))
    usage = chunk.get("usage")
    if usage:
        turn.input_tokens = usage["prompt_tokens"]
        turn.output_tokens = usage["completion_tokens"]
    piece = "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])
    if piece:
        turn.last_s = time.monotonic()
        turn.first_s = turn.first_s or turn.last_s
    return piece


def _message(content: bytes, status: int) -> str:
    try:
        return str(msgspec.json.decode(content)["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"The server answered {status}."
