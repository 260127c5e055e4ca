"""Clients of the official SDK, pointed at a server as its users point them."""

from collections.abc import Callable
from typing import Any

import httpx
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

ECHO = "kilonova.echo-v1:0"
SPARK = "kilonova.spark-v1:0"


class Attempts:
    """An HTTP client for the SDK that counts what it sends."""

    def __init__(self) -> None:
        self.count = 0
        self.http = httpx.Client(event_hooks={"request": [self._note]}, timeout=60)

    def _note(self, request: httpx.Request) -> None:
        self.count += 1


def gemini(url: str, key: str, **options: Any) -> genai.Client:
    """The Gemini API, with a key."""
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url, **options))


def vertex(url: str, key: str, **options: Any) -> genai.Client:
    """Vertex AI, with a project, a place and a bearer token."""
    return genai.Client(
        vertexai=True,
        project="project-1",
        location="us-central1",
        credentials=Credentials(token=key),  # type: ignore[no-untyped-call]
        http_options=types.HttpOptions(base_url=url, **options),
    )


def express(url: str, key: str, **options: Any) -> genai.Client:
    """Vertex AI in express mode: a key and no project."""
    return genai.Client(
        vertexai=True, api_key=key, http_options=types.HttpOptions(base_url=url, **options)
    )


CLIENTS: dict[str, Callable[..., genai.Client]] = {
    "gemini": gemini,
    "vertex": vertex,
    "express": express,
}


def ignored(answer: types.GenerateContentResponse) -> str:
    """What the server said it ignored."""
    http = answer.sdk_http_response
    assert http is not None
    return (http.headers or {}).get("x-kilonova-ignored", "")


def only(answer: types.GenerateContentResponse) -> types.Candidate:
    """The one candidate of an answer."""
    assert answer.candidates is not None
    (candidate,) = answer.candidates
    return candidate
