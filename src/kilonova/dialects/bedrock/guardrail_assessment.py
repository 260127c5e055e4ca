"""Verdicts of a guardrail in AWS's words: assessments, usage in text units, coverage. Pure."""

from typing import Any

from msgspec import Struct

from kilonova.core.usage import UsageRecord
from kilonova.guardrails.policy import Finding, Guardrail, Verdict

__all__ = [
    "PII_TYPES",
    "Judged",
    "encode_assessment",
    "encode_coverage",
    "encode_usage",
    "text_units",
]

_UNIT_CHARACTERS = 1_000

# Those of AWS's types that are found here. Other finds are told as a pattern with a name.
PII_TYPES = frozenset(
    {
        "AWS_ACCESS_KEY", "CREDIT_DEBIT_CARD_NUMBER", "EMAIL",
        "INTERNATIONAL_BANK_ACCOUNT_NUMBER", "IP_ADDRESS", "PHONE", "US_SOCIAL_SECURITY_NUMBER",
    }
)  # fmt: skip

_ACTIONS = {"block": "BLOCKED", "anonymise": "ANONYMIZED", "none": "NONE"}


class Judged(Struct, frozen=True, kw_only=True):
    """Texts, what a guardrail said to each, how long that took, and what it used."""

    guardrail: Guardrail
    texts: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    is_input: bool
    latency_ms: int
    record: UsageRecord | None

    @property
    def is_blocked(self) -> bool:
        return any(verdict.is_blocked for verdict in self.verdicts)

    @property
    def is_masked(self) -> bool:
        return any(verdict.is_masked for verdict in self.verdicts)

    @property
    def reason(self) -> str:
        """AWS's `actionReason`."""
        if self.is_blocked:
            return "Guardrail blocked."
        return "Guardrail masked." if self.is_masked else "No action."

    @property
    def characters(self) -> int:
        return sum(map(len, self.texts))


def text_units(characters: int) -> int:
    """What AWS counts: begun thousands of characters."""
    return -(-characters // _UNIT_CHARACTERS)


def encode_assessment(judged: Judged, *, is_full: bool) -> dict[str, Any]:
    """One assessment of all texts together. A full one tells what was looked for in vain, too."""
    assessment: dict[str, Any] = {}
    filters = _filters(judged, is_full=is_full)
    if filters:
        assessment["contentPolicy"] = {"filters": filters}
    found = [finding for verdict in judged.verdicts for finding in verdict.findings]
    if found:
        assessment["sensitiveInformationPolicy"] = {
            "piiEntities": [_entity(f) for f in found if f.label in PII_TYPES],
            "regexes": [_pattern(f) for f in found if f.label not in PII_TYPES],
        }
    guardrail = judged.guardrail
    return {
        **assessment,
        "invocationMetrics": {
            "guardrailProcessingLatency": judged.latency_ms,
            "usage": encode_usage(judged),
            "guardrailCoverage": encode_coverage(judged),
        },
        "appliedGuardrailDetails": {
            "guardrailId": guardrail.id,
            "guardrailVersion": guardrail.version,
            "guardrailOrigin": ["REQUEST"],
            "guardrailOwnership": "SELF",
        },
    }


def encode_usage(judged: Judged) -> dict[str, int]:
    """In text units. What Kilonova charges is the price of the tokens read."""
    units = text_units(judged.characters)
    looks_for_attacks = judged.is_input and judged.guardrail.prompt_attack != "none"
    return {
        "topicPolicyUnits": 0,
        "contentPolicyUnits": units if looks_for_attacks else 0,
        "wordPolicyUnits": 0,
        "sensitiveInformationPolicyUnits": units if judged.guardrail.personal_data else 0,
        "sensitiveInformationPolicyFreeUnits": 0,
        "contextualGroundingPolicyUnits": 0,
    }


def encode_coverage(judged: Judged) -> dict[str, Any]:
    """Every text is read whole."""
    return {"textCharacters": {"guarded": judged.characters, "total": judged.characters}}


def _filters(judged: Judged, *, is_full: bool) -> list[dict[str, Any]]:
    filters = []
    for attack in {verdict.attack for verdict in judged.verdicts if verdict.attack}:
        is_detected = attack.confidence != "none"
        if is_detected or is_full:
            filters.append(
                {
                    "type": "PROMPT_ATTACK",
                    "confidence": attack.confidence.upper(),
                    "filterStrength": judged.guardrail.prompt_attack.upper(),
                    "action": "BLOCKED" if attack.is_blocked else "NONE",
                    "detected": is_detected,
                }
            )
    return sorted(filters, key=lambda entry: str(entry["confidence"]))


def _entity(finding: Finding) -> dict[str, Any]:
    return {
        "match": finding.text,
        "type": finding.label,
        "action": _ACTIONS[finding.action],
        "detected": True,
    }


def _pattern(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.label,
        "match": finding.text,
        "action": _ACTIONS[finding.action],
        "detected": True,
    }
