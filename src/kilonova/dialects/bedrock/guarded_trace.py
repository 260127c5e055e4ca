"""What an answer says of the guardrail around it, in Converse's words and in InvokeModel's."""

from typing import Any

from kilonova.dialects.bedrock.guarded import Readings
from kilonova.dialects.bedrock.guardrail_assessment import encode_assessment

__all__ = ["converse_trace", "native_trace"]

_FULL = "enabled_full"
_WANTED = ("enabled", _FULL)


def converse_trace(readings: Readings, wanted: str | None) -> dict[str, Any] | None:
    """None where the caller does not want to know."""
    if wanted not in _WANTED:
        return None
    trace: dict[str, Any] = {}
    asked, said = readings.asked, readings.said
    if asked is not None:
        assessment = encode_assessment(asked, is_full=wanted == _FULL)
        trace["inputAssessment"] = {asked.guardrail.id: assessment}
    if said is not None:
        assessment = encode_assessment(said, is_full=wanted == _FULL)
        trace["outputAssessments"] = {said.guardrail.id: [assessment]}
        trace["modelOutput"] = [text for text in said.texts if text]
    return {**trace, "actionReason": readings.reason}


def native_trace(readings: Readings, wanted: str | None) -> dict[str, Any] | None:
    """The same under the names that InvokeModel has for it."""
    trace = converse_trace(readings, wanted)
    if trace is None:
        return None
    said = trace.pop("outputAssessments", {})
    return {
        "input": trace.pop("inputAssessment", {}),
        "outputs": [{name: one} for name, many in said.items() for one in many],
        **trace,
    }
