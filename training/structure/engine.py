"""The engine that serves the shipped file, driven over its local HTTP listener.

Only the recipe uses this (parity and evaluation); the product has its own engine adapter.
"""

import http.client
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xllamacpp

__all__ = ["Engine", "serve"]

_REQUEST_S_MAX = 120.0


class Engine:
    """A running server and the few requests that the recipe makes."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._host: str = server.listening_address.removeprefix("http://")

    def close(self) -> None:
        """End the server, which lives as long as it is held."""
        self._server = None

    def _send(self, path: str, body: dict[str, Any]) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self._host, timeout=_REQUEST_S_MAX)
        headers = {"Content-Type": "application/json", "Connection": "close"}
        connection.request("POST", path, json.dumps(body), headers)
        return connection.getresponse()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """One JSON request; a refusal comes back as its JSON body."""
        with self._send(path, body) as response:
            return json.load(response)

    def stream(self, path: str, body: dict[str, Any]) -> Iterator[Any]:
        """The events of a streamed request."""
        with self._send(path, body | {"stream": True}) as response:
            for line in response:
                text = line.decode().strip()
                if text.startswith("data: ") and text != "data: [DONE]":
                    yield json.loads(text.removeprefix("data: "))

    def tokenize(self, text: str) -> list[int]:
        """Token ids, with special tokens recognised."""
        reply = self.post("/tokenize", {"content": text, "parse_special": True})
        tokens: list[int] = reply["tokens"]
        return tokens

    def log_probabilities(self, tokens: list[int], *, top: int) -> dict[int, float]:
        """The most likely next tokens."""
        body = {"prompt": tokens, "n_predict": 1, "n_probs": top, "temperature": 0}
        reply = self.post("/completion", body)
        best = reply["completion_probabilities"][0]["top_logprobs"]
        return {int(item["id"]): float(item["logprob"]) for item in best}

    def chat(self, body: dict[str, Any]) -> Any:
        """A greedy chat completion."""
        return self.post("/v1/chat/completions", {"temperature": 0, "max_tokens": 256} | body)


@contextmanager
def serve(path: Path, *, threads: int = 1, context_tokens: int = 2048) -> Iterator[Engine]:
    """Run the file for the duration of a `with` block, one slot, caches off."""
    # The server logs to stderr at every request; level -1 keeps the terminal for progress.
    parameters = xllamacpp.CommonParams()
    parameters.model.path = os.fspath(path)
    parameters.n_ctx = context_tokens
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.use_jinja = True
    parameters.cache_ram_mib = 0
    parameters.n_gpu_layers = 0
    parameters.warmup = False
    parameters.ui = False
    parameters.port = 0
    parameters.hostnames = ["127.0.0.1"]
    parameters.verbosity = -1
    engine = Engine(xllamacpp.Server(parameters))
    # A server that is told to end before its loop has begun never ends: it answers once first.
    engine.post("/completion", {"prompt": "x", "n_predict": 1})
    try:
        yield engine
    finally:
        engine.close()
