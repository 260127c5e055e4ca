"""Golden pairs: a request on the wire and what it means, events and what they are on the wire.

`core` in a request file leaves out what has its default. To accept a change that is wanted, edit
the file: it is the documentation of the dialect.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from kilonova.catalog.catalog import packaged_models
from kilonova.core.events import ChatEvent, ChatFinished, fold
from kilonova.dialects.bedrock.decode import Decoded, decode_converse
from kilonova.dialects.bedrock.encode import ConverseEvents, encode_answer
from kilonova.dialects.bedrock.schema import Converse

_GOLDEN = Path(__file__).parents[3] / "golden" / "bedrock"
_ECHO = next(model for model in packaged_models() if "echo" in model.id)
_SEEING = replace(_ECHO, abilities=(*_ECHO.abilities, "vision"))
_DEFAULTS = {
    "can_call_in_parallel": True,
    "service_tier": "default",
    "choices": 1,
    "tool_choice": {"mode": "auto"},
    "output_format": {"kind": "text", "name": "answer"},
}


def _cases(prefix: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(_GOLDEN.glob(f"{prefix}*.json"))]


def _brief(value: Any) -> Any:
    """Without what says nothing: nulls, empty things, false."""
    if isinstance(value, dict):
        kept = {key: _brief(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, [], {}, "", False)}
    return [_brief(item) for item in value] if isinstance(value, list) else value


def _core(decoded: Decoded) -> Any:
    brief = _brief(json.loads(msgspec.json.encode(decoded.request)))
    assert brief.pop("model") == _ECHO.id
    return {key: value for key, value in brief.items() if _DEFAULTS.get(key) != value}


def _decode(case: dict[str, Any]) -> Decoded:
    wire = json.dumps(case["wire"]).encode()
    return decode_converse(msgspec.json.decode(wire, type=Converse), _SEEING)


@pytest.mark.parametrize("path", _cases("request"))
def test_a_request_means_what_the_golden_file_says(path: Path) -> None:
    """Wire → core, and the hints that are ignored."""
    case = json.loads(path.read_text())
    decoded = _decode(case)
    assert _core(decoded) == case["core"]
    assert list(decoded.ignored) == case.get("ignored", [])


def _events(case: dict[str, Any]) -> list[ChatEvent]:
    return msgspec.convert(case["events"], list[ChatEvent])


@pytest.mark.parametrize("path", _cases("answer"))
def test_events_are_encoded_as_the_golden_file_says(path: Path) -> None:
    """Core → wire, whole and as a stream."""
    case = json.loads(path.read_text())
    events = _events(case)
    encoder = ConverseEvents()
    frames = [frame for event in events for frame in encoder.encode(event)]
    finished = events[-1]
    assert isinstance(finished, ChatFinished)
    frames.append(encoder.finish(finished.usage, 12))
    assert [[name, json.loads(body)] for name, body in frames] == case["converse_frames"]
    assert json.loads(encode_answer(fold(events), 12)) == case["converse"]
