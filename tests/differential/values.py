"""Requests as values that can be compared across wires."""

import json
from typing import Any

import msgspec

from kilonova.core.chat import ChatRequest

__all__ = ["as_values"]


def as_values(request: ChatRequest) -> Any:
    """JSON inside of a request counts by what it says. Left out: whose cache it is, and the
    signatures, which are each wire's own."""
    plain = json.loads(msgspec.json.encode(request))
    del plain["cache_scope"], plain["output_format"]["name"]
    for message in plain["messages"]:
        for part in message["parts"]:
            part.pop("signature", None)
            if "arguments" in part:
                part["arguments"] = json.loads(part["arguments"])
    return plain
