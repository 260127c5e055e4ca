"""What a guardrail makes of a scan: what blocks a text, what is masked, what is only told. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from msgspec import Struct, field

from kilonova.guardrails.scan import Kind, Scan, Span

__all__ = [
    "ALL_KINDS",
    "LABELS",
    "Action",
    "Attack",
    "Confidence",
    "Finding",
    "Guardrail",
    "Strength",
    "Verdict",
    "confidence_of",
    "judge",
    "label_of",
]

Action = Literal["block", "anonymise", "none"]
Strength = Literal["none", "low", "medium", "high"]
Confidence = Literal["none", "low", "medium", "high"]

ALL_KINDS: tuple[Kind, ...] = get_args(Kind)

# What stands in the place of a find; a kind that is not here is called by its own name.
LABELS: Mapping[Kind, str] = {
    "iban": "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "payment_card": "CREDIT_DEBIT_CARD_NUMBER",
    "ipv4": "IP_ADDRESS",
    "ipv6": "IP_ADDRESS",
    "us_ssn": "US_SOCIAL_SECURITY_NUMBER",
}
_ACCESS_KEYS = ("AKIA", "ASIA")
_ACCESS_KEY_LENGTH = 20

# The score of an attack from which on it is that likely. A stronger filter acts on weaker signs.
_CONFIDENCES: tuple[tuple[float, Confidence], ...] = (
    (0.9, "high"),
    (0.7, "medium"),
    (0.5, "low"),
)
_ACTS_ON: Mapping[Strength, tuple[Confidence, ...]] = {
    "none": (),
    "low": ("high",),
    "medium": ("high", "medium"),
    "high": ("high", "medium", "low"),
}


def _mask_all() -> Mapping[Kind, Action]:
    return dict.fromkeys(ALL_KINDS, "anonymise")


class Guardrail(Struct, frozen=True, kw_only=True):
    """``prompt_attack`` is how strongly attacks in what users say are acted on; ``none``: they are
    not looked for. ``personal_data`` has an action for each kind that is looked for."""

    id: str
    version: str = "1"
    prompt_attack: Strength = "high"
    prompt_attack_action: Literal["block", "none"] = "block"
    personal_data: Mapping[Kind, Action] = field(default_factory=_mask_all)
    blocked_input: str = "Sorry, this request was blocked by a guardrail."
    blocked_output: str = "Sorry, this answer was blocked by a guardrail."


class Attack(Struct, frozen=True):
    confidence: Confidence
    is_blocked: bool


class Finding(Struct, frozen=True):
    """Personal data at a place, and what is done about it."""

    label: str
    text: str
    action: Action


class Verdict(Struct, frozen=True, kw_only=True):
    """``text`` is the text with everything masked that is to be; ``attack`` is None where attacks
    are not looked for."""

    text: str
    attack: Attack | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def is_blocked(self) -> bool:
        is_attack = self.attack is not None and self.attack.is_blocked
        return is_attack or any(finding.action == "block" for finding in self.findings)

    @property
    def is_masked(self) -> bool:
        return any(finding.action == "anonymise" for finding in self.findings)


def judge(text: str, scan: Scan, guardrail: Guardrail, *, is_input: bool) -> Verdict:
    """What the guardrail says to one text. Answers are not looked at for attacks."""
    attack = None
    if is_input and guardrail.prompt_attack != "none":
        attack = _attack(scan, guardrail)
    spans = [span for span in scan.personal_data if span.kind in guardrail.personal_data]
    found = [_finding(text, span, guardrail) for span in spans]
    return Verdict(text=_mask(text, spans, found), attack=attack, findings=tuple(found))


def confidence_of(score: float) -> Confidence:
    """In words, how sure a score is."""
    return next((word for least, word in _CONFIDENCES if score >= least), "none")


def label_of(kind: Kind, text: str) -> str:
    """The name that is put in the place of the text."""
    if kind == "secret" and len(text) == _ACCESS_KEY_LENGTH and text.startswith(_ACCESS_KEYS):
        return "AWS_ACCESS_KEY"
    return LABELS.get(kind, kind.upper())


def _attack(scan: Scan, guardrail: Guardrail) -> Attack:
    confidence = confidence_of(scan.injection.score)
    acts = confidence in _ACTS_ON[guardrail.prompt_attack]
    return Attack(confidence, acts and guardrail.prompt_attack_action == "block")


def _finding(text: str, span: Span, guardrail: Guardrail) -> Finding:
    found = text[span.start : span.end]
    return Finding(label_of(span.kind, found), found, guardrail.personal_data[span.kind])


def _mask(text: str, spans: Sequence[Span], found: Sequence[Finding]) -> str:
    pieces, place = [], 0
    for span, finding in sorted(zip(spans, found, strict=True), key=lambda pair: pair[0].start):
        if finding.action != "anonymise":
            continue
        if span.start >= place:
            pieces += [text[place : span.start], f"{{{finding.label}}}"]
        place = max(place, span.end)
    return "".join([*pieces, text[place:]])
