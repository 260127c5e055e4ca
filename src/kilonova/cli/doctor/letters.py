"""The smallest request of each wire that needs nothing but a header for its credential."""

import http.client
from typing import Any

import msgspec
from msgspec import Struct

from kilonova.admin.schema import CreatedKey
from kilonova.cli.exits import CommandError
from kilonova.cli.link import open_link
from kilonova.home import ServerNote

__all__ = ["LETTERS"]

_WAIT_S = 120
_QUESTION = "Say hello."
_TURN = {"role": "user", "content": _QUESTION}
_CHAT = {"messages": [_TURN], "max_tokens": 16}


class Letter(Struct, frozen=True):
    """``path`` holds ``{model}`` where the wire names it there, ``body`` lacks it everywhere.

    ``scheme`` stands before the key in the header ``credential``.
    """

    wire: str
    path: str
    body: dict[str, Any]
    credential: str = "authorization"
    scheme: str = "Bearer "

    def post(self, note: ServerNote, key: CreatedKey, model_id: str) -> str:
        """The request id of the answer. Raises ``CommandError`` with what a refusal says."""
        body = self.body if "{model}" in self.path else {**self.body, "model": model_id}
        headers = {
            "content-type": "application/json",
            self.credential: f"{self.scheme}{key.bearer_key or ''}",
        }
        connection = open_link(note, timeout_s=_WAIT_S)
        try:
            path = self.path.format(model=model_id)
            connection.request("POST", path, msgspec.json.encode(body), headers)
            response = connection.getresponse()
            text = response.read()
        except http.client.HTTPException as error:
            raise CommandError(f"The answer broke off: {error!r}.") from None
        finally:
            connection.close()
        if response.status != 200:
            raise CommandError(f"The server answered {response.status}: {text[:200].decode()}")
        return response.headers.get("x-kilonova-request-id", "")


LETTERS = (
    Letter(
        "responses", "/v1/responses", {"input": _QUESTION, "max_output_tokens": 16, "store": False}
    ),
    Letter(
        "azure",
        "/openai/deployments/{model}/chat/completions?api-version=2024-10-21",
        _CHAT,
        "api-key",
        "",
    ),
    Letter("anthropic", "/v1/messages", _CHAT, "x-api-key", ""),
    Letter(
        "gemini",
        "/v1beta/models/{model}:generateContent",
        {
            "contents": [{"parts": [{"text": _QUESTION}]}],
            "generationConfig": {"maxOutputTokens": 16},
        },
        "x-goog-api-key",
        "",
    ),
    Letter("deepseek", "/deepseek/chat/completions", _CHAT),
)
