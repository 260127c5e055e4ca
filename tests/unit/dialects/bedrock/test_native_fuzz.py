"""Native bodies that nobody would send: each is decoded or refused, and breaks nothing."""

import json
import random
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from kilonova.catalog.catalog import packaged_models
from kilonova.catalog.native_body import NativeBody
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from unit.dialects.bedrock.junk import spoil
from unit.dialects.bedrock.wire_world import FAMILIES

_GOLDEN = Path(__file__).parents[3] / "golden" / "bedrock" / "native"
_ECHO = next(model for model in packaged_models() if "echo" in model.id)
_ABLE = replace(_ECHO, abilities=(*_ECHO.abilities, "vision", "reasoning"))
_NAMES = get_args(NativeBody)


def _decode(body: bytes, model: Model) -> None:
    if FAMILIES.makes_vectors(model):
        FAMILIES.decode_embedding(body, model)
    else:
        FAMILIES.decode(body, model, None)


@pytest.mark.parametrize("path", sorted(_GOLDEN.glob("request*.json")), ids=lambda path: path.stem)
def test_a_spoilt_body_is_decoded_or_refused(path: Path) -> None:
    """InvalidRequest is the only way out, whatever the model can do."""
    case = json.loads(path.read_text())
    models = [replace(model, native_body=case["family"]) for model in (_ECHO, _ABLE)]
    rng = random.Random(path.stem)
    outcomes = {"decoded": 0, "refused": 0}
    for _ in range(200):
        try:
            _decode(spoil(case["wire"], rng), rng.choice(models))
            outcomes["decoded"] += 1
        except InvalidRequest:
            outcomes["refused"] += 1
    assert outcomes["refused"] > 0


@pytest.mark.parametrize("family", _NAMES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"\xff",
        b'{"prompt": "\xff"}',
        b'{"anthropic_version": "\xff"}',
        b"[" * 50_000,
        b'{"messages":' + b"[" * 50_000,
        b'{"prompt": NaN}',
        b'{"inputText": 1e999}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_no_body_at_all_is_refused_with_an_example(family: str, body: bytes) -> None:
    """Protects the server from hostile bytes, and callers from a riddle."""
    model = replace(_ABLE, native_body=family)
    with pytest.raises(InvalidRequest) as raised:
        _decode(body, model)
    assert len(raised.value.message) < 1_500
    assert " A body of the family '" in raised.value.message


@pytest.mark.parametrize(
    ("family", "body"),
    [
        ("cohere-command", {"message": "x", "k": 500.0, "temperature": 1, "seed": -(2**62)}),
        ("mistral-text", {"prompt": "x", "top_k": 0, "stop": []}),
        ("chat-completions", {"messages": [{"role": "user", "content": "x"}], "top_k": -1}),
        ("titan-text", {"inputText": "User:\nBot:"}),
        ("llama", {"prompt": " ", "images": None}),
    ],
)
def test_the_edges_of_what_is_allowed_are_decoded(family: str, body: dict[str, Any]) -> None:
    """Protects callers from limits that are narrower than their vendor's."""
    _decode(json.dumps(body).encode(), replace(_ABLE, native_body=family))
