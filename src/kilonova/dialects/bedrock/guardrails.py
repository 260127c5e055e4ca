"""The operations ApplyGuardrail and InvokeGuardrailChecks, on Sentry's checks.

Both read texts and write nothing: one permit and one record a request, for the model that reads.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.core.money import format_nano
from kilonova.dialects.bedrock.credentials import call
from kilonova.dialects.bedrock.guardrail_assessment import (
    PII_TYPES,
    Judged,
    encode_assessment,
    encode_coverage,
    encode_usage,
    text_units,
)
from kilonova.dialects.bedrock.headers import plain_headers
from kilonova.dialects.bedrock.support import REFUSED
from kilonova.dialects.wire.aws_model import Operation, WireResponse
from kilonova.dialects.wire.aws_request import WireRequest
from kilonova.dialects.wire.structure import check_structure
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.screening import Screening
from kilonova.guardrails.policy import Guardrail, label_of
from kilonova.guardrails.scan import Scan
from kilonova.web.endpoint import Answer
from kilonova.web.message import Header, Request, Response

__all__ = ["GuardrailHandlers", "find_guardrail"]


class GuardrailHandlers:
    """Handlers, each for one operation of AWS's description."""

    def __init__(
        self, gateway: Gateway, screening: Screening, operations: Mapping[str, Operation]
    ) -> None:
        self._gateway = gateway
        self._screening = screening
        self._apply = operations["ApplyGuardrail"]
        self._checks = operations["InvokeGuardrailChecks"]

    async def apply(self, request: Request) -> Answer:
        """What a guardrail makes of texts, without a model that answers."""
        caller = self._gateway.authorise(call(request))
        identifier, version = request.captures[:2]
        labels = {"guardrailIdentifier": identifier, "guardrailVersion": version}
        wanted: dict[str, Any] = self._apply.parse(_wire(request, labels))
        guardrail = find_guardrail(self._screening, identifier, version)
        if guardrail is None:
            raise NotFound(
                "The guardrail identifier or version provided in the request does not exist: "
                f"{identifier[:80]}, version {version[:80]}."
            )
        texts, has_qualifiers = _texts(wanted["content"])
        is_input = wanted["source"] == "INPUT"
        started_s = time.perf_counter()
        verdicts = await self._screening.judge(caller, guardrail, texts, is_input=is_input)
        judged = Judged(
            guardrail=guardrail,
            texts=tuple(texts),
            verdicts=verdicts,
            is_input=is_input,
            latency_ms=round((time.perf_counter() - started_s) * 1000),
            record=request.trace.record,
        )
        body = self._apply.respond(_applied(judged, is_full=wanted.get("outputScope") == "FULL"))
        ignored = "content.text.qualifiers" if has_qualifiers else ""
        return _answer(request, body, ignored)

    async def checks(self, request: Request) -> Answer:
        """Scores for what is asked, with nothing done about them."""
        caller = self._gateway.authorise(call(request))
        wanted: dict[str, Any] = self._checks.parse(_wire(request, {}))
        asked = _Asked.read(wanted["checks"])
        places = [
            _Place(i, j, message["role"], block["text"])
            for i, message in enumerate(wanted["messages"])
            for j, block in enumerate(message["content"])
            if "text" in block
        ]
        if not places:
            raise InvalidRequest("messages: there is no text in them.", param="messages")
        scans = await self._screening.scan(caller, [place.text for place in places])
        return _answer(request, self._checks.respond(_checked(asked, places, scans)))


def find_guardrail(screening: Screening, identifier: str, version: str) -> Guardrail | None:
    """By its id, or by an ARN whose last part is the id."""
    return screening.find(identifier.rpartition(":guardrail/")[2], version)


class _Place(Struct, frozen=True):
    message: int
    content: int
    role: str
    text: str


class _Asked(Struct, frozen=True):
    """The categories and the types that are asked for; None: the check is not."""

    attacks: tuple[str, ...] | None = None
    entities: frozenset[str] | None = None

    @classmethod
    def read(cls, checks: dict[str, Any]) -> "_Asked":
        """Raises InvalidRequest for what cannot be assessed."""
        _refuse(checks, "GuardrailChecksConfig", "checks")
        if not checks.keys() & {"promptAttack", "sensitiveInformation"}:
            raise InvalidRequest("checks: ask for at least one check.", param="checks")
        attacks = entities = None
        if "promptAttack" in checks:
            attacks = tuple(entry["category"] for entry in checks["promptAttack"]["categories"])
        if "sensitiveInformation" in checks:
            types = [entry["type"] for entry in checks["sensitiveInformation"]["entities"]]
            entities = frozenset(types)
            if unknown := sorted(entities - PII_TYPES):
                raise InvalidRequest(
                    f"checks.sensitiveInformation.entities: {', '.join(unknown)} cannot be found "
                    f"here. Ask for {', '.join(sorted(PII_TYPES))}.",
                    param="checks.sensitiveInformation.entities",
                )
        return cls(attacks, entities)


def _refuse(found: Mapping[str, Any], shape: str, place: str) -> None:
    for name, why in REFUSED[shape].items():
        if name in found:
            raise InvalidRequest(f"{place}.{name}: {why}.", param=f"{place}.{name}")


def _wire(request: Request, labels: Mapping[str, str]) -> WireRequest:
    check_structure(request.body)
    return WireRequest(labels, "", {}, request.body)


def _texts(content: Sequence[Mapping[str, Any]]) -> tuple[list[str], bool]:
    """All are read, whatever they are qualified as. Raises InvalidRequest."""
    if not content:
        raise InvalidRequest("content: there is nothing to read.", param="content")
    for index, block in enumerate(content):
        _refuse(block, "GuardrailContentBlock", f"content.{index}")
        if "text" not in block:
            raise InvalidRequest(f"content.{index}: text is required.", param="content")
    has_qualifiers = any(block["text"].get("qualifiers") for block in content)
    return [block["text"]["text"] for block in content], has_qualifiers


def _applied(judged: Judged, *, is_full: bool) -> dict[str, Any]:
    outputs: list[str] = []
    if judged.is_blocked:
        guardrail = judged.guardrail
        outputs = [guardrail.blocked_input if judged.is_input else guardrail.blocked_output]
    elif judged.is_masked:
        outputs = [verdict.text for verdict in judged.verdicts]
    return {
        "usage": encode_usage(judged),
        "action": "GUARDRAIL_INTERVENED" if outputs else "NONE",
        "actionReason": judged.reason,
        "outputs": [{"text": text} for text in outputs],
        "assessments": [encode_assessment(judged, is_full=is_full)],
        "guardrailCoverage": encode_coverage(judged),
    }


def _checked(asked: _Asked, places: Sequence[_Place], scans: Sequence[Scan]) -> dict[str, Any]:
    units = {"textUnits": text_units(sum(len(place.text) for place in places))}
    results: dict[str, Any] = {}
    if asked.attacks is not None:
        # One score: Sentry tells attacks from other texts, and not one kind from another.
        pairs = zip(places, scans, strict=True)
        said = [scan.injection.score for place, scan in pairs if place.role == "user"]
        score = max(said, default=0.0)
        results["promptAttack"] = {
            "results": [{"category": name, "severityScore": score} for name in asked.attacks]
        }
    if asked.entities is not None:
        found = _found(asked.entities, places, scans)
        results["sensitiveInformation"] = {"results": found, "truncated": False}
    return {"results": results, "usage": dict.fromkeys(results, units)}


def _found(
    wanted: frozenset[str], places: Sequence[_Place], scans: Sequence[Scan]
) -> list[dict[str, Any]]:
    """Every find has its form, and its check digits where it has any: there is no doubt in it."""
    found = []
    for place, scan in zip(places, scans, strict=True):
        for span in scan.personal_data:
            label = label_of(span.kind, place.text[span.start : span.end])
            if label in wanted:
                found.append(
                    {
                        "type": label,
                        "confidenceScore": 1.0,
                        "beginOffset": span.start,
                        "endOffset": span.end,
                        "messageIndex": place.message,
                        "contentIndex": place.content,
                    }
                )
    return found


def _answer(request: Request, wire: WireResponse, ignored: str = "") -> Response:
    headers: list[Header] = list(plain_headers(request))
    if request.trace.record is not None:
        price = format_nano(request.trace.record.price_nano)
        headers.append((b"x-kilonova-price", price.encode()))
    if request.trace.was_replayed:
        headers.append((b"x-kilonova-replayed", b"true"))
    if ignored:
        headers.append((b"x-kilonova-ignored", ignored.encode()))
    return Response(wire.status, wire.body, tuple(headers))
