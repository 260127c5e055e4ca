"""What a guardrail makes of a scan, and how it is configured."""

from typing import Any, get_args

import pytest

from kilonova.guardrails.configured import plan_guardrails
from kilonova.guardrails.policy import ALL_KINDS, Guardrail, confidence_of, judge, label_of
from kilonova.guardrails.scan import Guess, Injection, Kind, Scan, Span
from kilonova.settings import SettingsError

_GUESS = Guess("en", 1.0, (1.0,))


def _scan(*spans: Span, score: float = 0.0) -> Scan:
    return Scan(
        language=_GUESS,
        intent=_GUESS,
        banking=_GUESS,
        personal_data=spans,
        injection=Injection(score, ()),
        complexity=0.0,
    )


def test_every_kind_is_looked_for_and_masked_unless_told_otherwise() -> None:
    """A kind that Sentry learns later must not pass a guardrail unseen."""
    assert set(Guardrail(id="a").personal_data) == set(get_args(Kind)) == set(ALL_KINDS)
    assert set(Guardrail(id="a").personal_data.values()) == {"anonymise"}


@pytest.mark.parametrize(
    ("strength", "blocked"),
    [
        ("none", []),
        ("low", [0.95]),
        ("medium", [0.95, 0.75]),
        ("high", [0.95, 0.75, 0.55]),
    ],
)
def test_a_stronger_filter_acts_on_weaker_signs(strength: Any, blocked: list[float]) -> None:
    """As AWS's filters do; what is calm passes all of them."""
    guardrail = Guardrail(id="a", prompt_attack=strength)
    scores = (0.95, 0.75, 0.55, 0.45)
    acted = [s for s in scores if judge("x", _scan(score=s), guardrail, is_input=True).is_blocked]
    assert acted == blocked
    assert not judge("x", _scan(score=1.0), guardrail, is_input=False).is_blocked


def test_confidence_in_words() -> None:
    """The bounds belong to the stronger word."""
    assert [confidence_of(s) for s in (0.49, 0.5, 0.7, 0.9, 1.0)] == [
        "none", "low", "medium", "high", "high",
    ]  # fmt: skip


def test_masking_keeps_the_rest_of_a_text() -> None:
    """Several finds, one inside another, and one that is only told."""
    text = "a@b.co 192.0.2.7 +44 20 7946 0958"
    spans = (Span("phone", 17, 33), Span("email", 0, 6), Span("email", 2, 6), Span("ipv4", 7, 16))
    guardrail = Guardrail(
        id="a", personal_data={"email": "anonymise", "phone": "anonymise", "ipv4": "none"}
    )
    verdict = judge(text, _scan(*spans), guardrail, is_input=True)
    assert verdict.text == "{EMAIL} 192.0.2.7 {PHONE}"
    assert (verdict.is_masked, verdict.is_blocked) == (True, False)


def test_a_kind_that_is_not_looked_for_is_not_told() -> None:
    """`ignore` is more than `none`."""
    verdict = judge(
        "a@b.co", _scan(Span("email", 0, 6)), Guardrail(id="a", personal_data={}), is_input=True
    )
    assert (verdict.text, verdict.findings) == ("a@b.co", ())


def test_finds_that_overlap_are_masked_to_the_end_of_both() -> None:
    """Pieces of a long text may have seen but parts of a find; nothing between them stays."""
    spans = _scan(Span("phone", 3, 8), Span("iban", 5, 12))
    verdict = judge("at 0123456789 now", spans, Guardrail(id="a"), is_input=False)
    assert verdict.text == "at {PHONE}9 now"


def test_labels() -> None:
    """AWS's names where it has them; access keys are told from other secrets by their form."""
    assert label_of("secret", "AKIAIOSFODNN7EXAMPLE") == "AWS_ACCESS_KEY"
    assert label_of("secret", "kn_live_x") == "SECRET"
    assert label_of("ipv6", "::1") == "IP_ADDRESS"
    assert label_of("fr_nir", "1") == "FR_NIR"


def test_configured_guardrails_stand_beside_the_packaged_one() -> None:
    """A kind overrides the rest, and an ignored one is not looked for."""
    written = {"mine": {"personal_data": "block", "kinds": {"email": "none", "phone": "ignore"}}}
    planned = plan_guardrails(written)
    assert set(planned) == {"sentry", "mine"}
    assert planned["mine"].personal_data["iban"] == "block"
    assert planned["mine"].personal_data["email"] == "none"
    assert "phone" not in planned["mine"].personal_data


@pytest.mark.parametrize(
    ("name", "table", "words"),
    [
        ("Mine", {}, "an id is 1 to 64"),
        ("mine", {"strength": "high"}, "unknown field `strength`"),
        ("mine", {"prompt_attack": "huge"}, "prompt_attack"),
        ("mine", {"kinds": {"names": "block"}}, "names"),
        ("mine", {"version": "one"}, "guardrails.mine.version"),
    ],
)
def test_a_wrong_guardrail_stops_the_start(name: str, table: Any, words: str) -> None:
    """A guardrail that is not understood must not be one that is not there."""
    with pytest.raises(SettingsError) as refusal:
        plan_guardrails({name: table})
    assert words in str(refusal.value)
