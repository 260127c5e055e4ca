"""Golden pairs of the native bodies: a body and what it means, events and what they are in it.

`core` in a request file leaves out what has its default. To accept a change that is wanted, edit
the file: it is the documentation of the family.
"""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec.structs import replace

from kilonova.catalog.catalog import packaged_models
from kilonova.catalog.native_body import NativeBody
from kilonova.core.embedding import EmbeddingAnswer
from kilonova.core.events import ChatEvent, ChatFinished, fold
from kilonova.core.model import Model
from kilonova.dialects.bedrock.families import EMBEDDINGS
from kilonova.dialects.wire.native import About
from unit.dialects.bedrock.wire_world import FAMILIES

_GOLDEN = Path(__file__).parents[3] / "golden" / "bedrock" / "native"
_ECHO = next(model for model in packaged_models() if "echo" in model.id)
_ABLE = replace(_ECHO, abilities=(*_ECHO.abilities, "vision", "reasoning"))
_METRICS = {"inputTokenCount": 9, "outputTokenCount": 7}
_CREATED_S = 1_767_225_600
_DEFAULTS = {
    "can_call_in_parallel": True,
    "service_tier": "default",
    "choices": 1,
    "tool_choice": {"mode": "auto"},
    "output_format": {"kind": "text", "name": "answer"},
    "thinking": {},
    "is_normalised": True,
}
_NAMES = get_args(NativeBody)
_TALKING = tuple(name for name in _NAMES if name not in EMBEDDINGS)


def _model(name: str) -> Model:
    return replace(_ABLE, native_body=name)


def _cases(prefix: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(_GOLDEN.glob(f"{prefix}*.json"))]


def _brief(value: Any) -> Any:
    """Without what says nothing: nulls, empty things, false."""
    if isinstance(value, dict):
        kept = {key: _brief(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, [], {}, "", False)}
    return [_brief(item) for item in value] if isinstance(value, list) else value


def _core(request: Any) -> Any:
    brief = _brief(json.loads(msgspec.json.encode(request)))
    assert brief.pop("model") == _ECHO.id
    return {key: value for key, value in brief.items() if _DEFAULTS.get(key) != value}


def _answers(family: str) -> Any:
    """A request whose answer is to be written: the smallest body of the family."""
    wire = FAMILIES.example(family).encode()
    return FAMILIES.decode(wire, _model(family), None)


@pytest.mark.parametrize("path", _cases("request"))
def test_a_body_means_what_the_golden_file_says(path: Path) -> None:
    """Wire → core, and the hints that are ignored."""
    case = json.loads(path.read_text())
    model, wire = _model(case["family"]), json.dumps(case["wire"]).encode()
    decode: Any = FAMILIES.decode_embedding if FAMILIES.makes_vectors(model) else _decode
    decoded = decode(wire, model)
    assert _core(decoded.request) == case["core"]
    assert list(decoded.ignored) == case.get("ignored", [])


def _decode(wire: bytes, model: Model) -> Any:
    return FAMILIES.decode(wire, model, None)


def _pairs() -> list[Any]:
    return [
        pytest.param(path, family, id=f"{path.stem}-{family}")
        for path in sorted(_GOLDEN.glob("answer*.json"))
        for family in json.loads(path.read_text())["families"]
    ]


@pytest.mark.parametrize(("path", "family"), _pairs())
def test_events_are_written_as_the_golden_file_says(path: Path, family: str) -> None:
    """Core → wire, whole and in chunks."""
    case = json.loads(path.read_text())
    expected = case["families"][family]
    events = msgspec.convert(case["events"], list[ChatEvent])
    native, about = _answers(family), About("req_1", _model(family), _CREATED_S)
    assert _read(native.writer(about).whole(fold(events))) == expected["whole"]
    writer, finished = native.writer(about), events[-1]
    assert isinstance(finished, ChatFinished)
    chunks = [chunk for event in events[:-1] for chunk in writer.chunks(event)]
    chunks += writer.last(finished.usage, _METRICS)
    assert [_read(chunk) for chunk in chunks] == expected["chunks"]


def _read(document: bytes) -> Any:
    """Without what changes with every release."""
    read = json.loads(document)
    read.pop("system_fingerprint", None)
    return read


def test_every_family_that_talks_has_golden_answers() -> None:
    """Protects a new family from being forgotten here."""
    for name in ("answer-text", "answer-thoughts"):
        case = json.loads((_GOLDEN / f"{name}.json").read_text())
        assert sorted(case["families"]) == sorted(_TALKING)


@pytest.mark.parametrize("path", _cases("vectors"))
def test_vectors_are_written_as_the_golden_file_says(path: Path) -> None:
    """Core → wire, in each form that a body can ask for."""
    case = json.loads(path.read_text())
    model = _model(case["family"])
    native = FAMILIES.decode_embedding(json.dumps(case["asked"]).encode(), model)
    vectors = tuple(tuple(vector) for vector in case["vectors"])
    answer = EmbeddingAnswer(vectors=vectors, input_tokens=case["input_tokens"])
    assert json.loads(native.encode(answer, "req_1")) == case["wire"]


@pytest.mark.parametrize("family", _NAMES)
def test_every_family_of_the_catalogue_is_spoken(family: str) -> None:
    """Protects operators: a name that the catalogue takes has a codec, and its example is right."""
    model, example = _model(family), FAMILIES.example(family).encode()
    decode: Any = FAMILIES.decode_embedding if FAMILIES.makes_vectors(model) else _decode
    decoded = decode(example, model)
    assert decoded.ignored == ((*decoded.ignored,) if family in EMBEDDINGS else ())
    assert "Hello" in str(decoded.request)
