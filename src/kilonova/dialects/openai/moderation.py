"""``POST /moderations``: OpenAI's form of an answer, filled with what Sentry finds. Pure.

Sentry does not look for hate, violence and the rest of OpenAI's categories. They are null, which
claims nothing, and never false. What it does look for stands beside them: prompt injections and
personal data of each kind. Why: docs/decisions/0012.
"""

from typing import Annotated, get_args

import msgspec
from msgspec import Meta, Raw, Struct

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai.body import decode_body
from kilonova.dialects.openai.schema import NULL
from kilonova.gateway.classification import Classification
from kilonova.guardrails.scan import Kind, Scan

__all__ = [
    "ASSESSED",
    "INJECTION_SCORE_MIN",
    "NOT_ASSESSED",
    "ModerationBody",
    "decode_moderation",
    "encode_moderation",
    "parse_moderation",
]

_INPUTS_MAX = 1_024

# From this score on a text counts as a prompt injection. Personal data is found or not.
INJECTION_SCORE_MIN = 0.5

NOT_ASSESSED = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit",
    "illicit/violent", "self-harm", "self-harm/instructions", "self-harm/intent", "sexual",
    "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip

_KINDS: tuple[Kind, ...] = get_args(Kind)
ASSESSED = (
    "prompt_injection",
    "personal_data",
    *(f"personal_data/{kind}" for kind in _KINDS),
)


class _TextPart(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="text"):
    text: str


class _ImagePart(Struct, frozen=True, tag_field="type", tag="image_url"):
    image_url: Raw = NULL


class ModerationBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /moderations``. A list of parts is one input, a list of texts several."""

    input: (
        str
        | Annotated[list[str | _TextPart | _ImagePart], Meta(min_length=1, max_length=_INPUTS_MAX)]
    )
    model: Annotated[str, Meta(min_length=1, max_length=256)] | None = None


class _Result(Struct, frozen=True):
    flagged: bool
    categories: dict[str, bool | None]
    category_scores: dict[str, float | None]
    category_applied_input_types: dict[str, tuple[str, ...]]


class _Answer(Struct, frozen=True):
    id: str
    model: str
    results: tuple[_Result, ...]


_bodies = msgspec.json.Decoder(ModerationBody)
_INPUT_TYPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(NOT_ASSESSED, ()),
    **dict.fromkeys(ASSESSED, ("text",)),
}


def parse_moderation(body: bytes) -> ModerationBody:
    """The body as a wire struct. Raises InvalidRequest."""
    return decode_body(body, _bodies)


def decode_moderation(body: ModerationBody) -> tuple[str, ...]:
    """The texts to read. Raises InvalidRequest for images."""
    if isinstance(body.input, str):
        return (body.input,)
    texts, parts = [], []
    for index, part in enumerate(body.input):
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, _TextPart):
            parts.append(part.text)
        else:
            raise InvalidRequest(
                f"Unsupported value: 'input[{index}]'. Images are not read here; send text.",
                param=f"input[{index}]",
                reason="unsupported_value",
            )
    if texts and parts:
        raise InvalidRequest(
            "Invalid 'input': send texts or parts of one text, not both.",
            param="input",
            reason="invalid_value",
        )
    return tuple(texts) if texts else ("\n".join(parts),)


def encode_moderation(answer: Classification, *, request_id: str) -> bytes:
    """One result a text, in order."""
    results = tuple([_result(scan) for scan in answer.scans])
    answer_id = f"modr-{request_id.removeprefix('req_')}"
    return msgspec.json.encode(_Answer(answer_id, answer.model.id, results))


def _result(scan: Scan) -> _Result:
    found = {span.kind for span in scan.personal_data}
    scores = {
        "prompt_injection": scan.injection.score,
        "personal_data": float(bool(found)),
        **{f"personal_data/{kind}": float(kind in found) for kind in _KINDS},
    }
    flags = {name: score >= INJECTION_SCORE_MIN for name, score in scores.items()}
    return _Result(
        any(flags.values()),
        {**dict.fromkeys(NOT_ASSESSED), **flags},
        {**dict.fromkeys(NOT_ASSESSED), **scores},
        _INPUT_TYPES,
    )
