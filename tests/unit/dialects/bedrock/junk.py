"""Spoils bodies: takes members away, puts others in their place, breaks the end off."""

import copy
import json
import random
from typing import Any

__all__ = ["spoil"]

_JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 2**70, 1.5, "", " ", "x", "é", "a" * 300, [], {}, [[]], [{}], [None],
    {"text": "x"}, {"json": []}, {"toolUse": {}}, {"cachePoint": {"type": "default"}},
)  # fmt: skip


def spoil(wire: Any, rng: random.Random) -> bytes:
    """The body with one to three places changed; one in ten ends in the middle."""
    spoilt = copy.deepcopy(wire)
    for _ in range(rng.choice((1, 1, 2, 3))):
        *above, last = rng.choice(_places(spoilt))
        parent = spoilt
        for key in above:
            parent = parent[key]
        if isinstance(parent, dict) and rng.random() < 0.3:
            del parent[last]
        else:
            parent[last] = copy.deepcopy(rng.choice(_JUNK))
        if not _places(spoilt):
            break
    body = json.dumps(spoilt, ensure_ascii=False).encode()
    return body if rng.random() < 0.9 else body[: rng.randrange(len(body))] + b"\xff"


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [path] * bool(path) + [p for key, item in items for p in _places(item, (*path, key))]
