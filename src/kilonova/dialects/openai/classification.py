"""``POST /classify``: the body that vLLM made common, to and from the platform's. Pure.

A text gets a label, the probability of every label, and beside them the whole scan, since it was
made anyway. ``head`` picks what the label is about.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from kilonova.dialects.openai.body import decode_body
from kilonova.gateway.classification import Classification, ClassificationRequest
from kilonova.guardrails.scan import Guess, Scan, Span

__all__ = ["ClassifyBody", "decode_classify", "encode_classify", "parse_classify"]

_INPUTS_MAX = 2048

Head = Literal["injection", "personal_data", "language", "intent", "banking", "complexity"]


class ClassifyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /classify``. ``user`` is a hint without effect."""

    model: Annotated[str, Meta(min_length=1, max_length=256)]
    input: str | Annotated[list[str], Meta(min_length=1, max_length=_INPUTS_MAX)]
    head: Head = "injection"
    user: str | None = None


class _Label(Struct, frozen=True):
    label: str
    probability: float


class _Injection(Struct, frozen=True):
    is_flagged: bool
    score: float
    families: tuple[str, ...]


class _Scan(Struct, frozen=True):
    language: _Label
    intent: _Label
    banking: _Label
    personal_data: tuple[Span, ...]
    injection: _Injection
    complexity: float


class _Item(Struct, frozen=True):
    index: int
    label: str
    probs: tuple[float, ...]
    num_classes: int
    scan: _Scan


class _Usage(Struct, frozen=True):
    prompt_tokens: int
    total_tokens: int
    completion_tokens: int = 0
    prompt_tokens_details: None = None


class _Answer(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["list"] = "list"
    created: int
    model: str
    head: Head
    labels: tuple[str, ...]
    data: tuple[_Item, ...]
    usage: _Usage


_bodies = msgspec.json.Decoder(ClassifyBody)
_encode = msgspec.json.Encoder().encode

# What a head without labels of its own answers: no, and yes.
_PAIRS: dict[Head, tuple[str, str]] = {
    "injection": ("benign", "injection"),
    "personal_data": ("none", "personal_data"),
    "complexity": ("simple", "complex"),
}


def parse_classify(body: bytes) -> ClassifyBody:
    """The body as a wire struct. Raises InvalidRequest."""
    return decode_body(body, _bodies)


def decode_classify(body: ClassifyBody) -> ClassificationRequest:
    """One text or several; an empty one has an answer like any other."""
    texts = (body.input,) if isinstance(body.input, str) else tuple(body.input)
    return ClassificationRequest(model=body.model, texts=texts)


def encode_classify(
    answer: Classification, head: Head, *, request_id: str, created_s: int
) -> bytes:
    """A ``list`` with one entry a text, in order; ``labels`` name its ``probs``."""
    labels = _PAIRS[head] if head in _PAIRS else answer.labels[head]
    items = [_item(index, scan, head) for index, scan in enumerate(answer.scans)]
    return _encode(
        _Answer(
            id=f"classify-{request_id.removeprefix('req_')}",
            created=created_s,
            model=answer.model.id,
            head=head,
            labels=labels,
            data=tuple(items),
            usage=_Usage(answer.input_tokens, answer.input_tokens),
        )
    )


def _item(index: int, scan: Scan, head: Head) -> _Item:
    guess = _guess(scan, head)
    probabilities = guess.probabilities
    return _Item(index, guess.label, probabilities, len(probabilities), _wire_scan(scan))


def _guess(scan: Scan, head: Head) -> Guess:
    match head:
        case "language":
            return scan.language
        case "intent":
            return scan.intent
        case "banking":
            return scan.banking
        case "injection":
            share = scan.injection.score
        case "personal_data":
            share = float(bool(scan.personal_data))
        case "complexity":
            share = scan.complexity
    is_so = share >= 0.5
    return Guess(_PAIRS[head][is_so], share if is_so else 1 - share, (1 - share, share))


def _wire_scan(scan: Scan) -> _Scan:
    found = scan.injection
    return _Scan(
        language=_label(scan.language),
        intent=_label(scan.intent),
        banking=_label(scan.banking),
        personal_data=scan.personal_data,
        injection=_Injection(found.is_flagged, found.score, found.families),
        complexity=scan.complexity,
    )


def _label(guess: Guess) -> _Label:
    return _Label(guess.label, guess.probability)
