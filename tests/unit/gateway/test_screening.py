"""Long texts are read in pieces, and what is found stands where it stood in the whole."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from kilonova.gateway.classification import ClassificationRequest
from kilonova.gateway.screening import Screening
from kilonova.guardrails.configured import plan_guardrails
from kilonova.guardrails.scan import Guess, Injection, Scan, Span

_GUESS = Guess("en", 1.0, (1.0,))
_SIZE = 1_100


class _Reader:
    """Finds every `#` and takes a `!` for an attack; remembers what it was given."""

    def __init__(self) -> None:
        self.texts: Sequence[str] = ()

    async def classify(self, _caller: Any, request: ClassificationRequest) -> Any:
        self.texts = request.texts
        return type("Read", (), {"scans": tuple(map(_scan, request.texts))})


def _scan(text: str) -> Scan:
    spans = tuple(Span("secret", i, i + 1) for i, sign in enumerate(text) if sign == "#")
    return Scan(
        language=_GUESS,
        intent=_GUESS,
        banking=_GUESS,
        personal_data=spans,
        injection=Injection(float("!" in text), ()),
        complexity=0.0,
    )


def _screening(reader: _Reader) -> Screening:
    return Screening(reader, plan_guardrails({}), characters_at_once=_SIZE)  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [0, 1, _SIZE, _SIZE + 1, 2_200, 9_003])
async def test_pieces_cover_the_whole(length: int) -> None:
    """Every sign is read, none is told twice, and no piece is too long."""
    rng = random.Random(length)
    text = "".join(rng.choice("ab#") for _ in range(length))
    reader = _Reader()
    (scan,) = await _screening(reader).scan(None, [text])  # type: ignore[arg-type]
    assert max(map(len, reader.texts)) <= _SIZE
    places = [span.start for span in scan.personal_data]
    assert places == [i for i, sign in enumerate(text) if sign == "#"]


async def test_the_worst_piece_counts() -> None:
    """An attack at the end of a long text is an attack."""
    texts = ["a" * 3_000 + "!", "b"]
    scans = await _screening(_Reader()).scan(None, texts)  # type: ignore[arg-type]
    assert [scan.injection.score for scan in scans] == [1.0, 0.0]


def test_versions() -> None:
    """A guardrail's own version, or the draft."""
    screening = _screening(_Reader())
    assert screening.find("sentry", "DRAFT") is screening.find("sentry", "1") is not None
    assert screening.find("sentry", "") is screening.find("sentry", "2") is None


@pytest.mark.parametrize("before", [0, 1, 300, 900, 1_000, 1_050, 2_000])
@pytest.mark.parametrize("quote", [" ", '"'])
async def test_a_long_secret_is_read_in_one_piece(before: int, quote: str) -> None:
    """Protects signed tokens, which are longer than what pieces have in common."""
    token = f"eyJ{'a' * 300}.eyJ{'b' * 500}.{'c' * 90}"
    text = f"{'x,' * (before // 2)}{quote}{token}{quote}{'y ' * 700}"
    reader = _Reader()
    (scan,) = await _screening(reader).scan(None, [text])  # type: ignore[arg-type]
    assert any(token in piece for piece in reader.texts)
    assert max(map(len, reader.texts)) <= _SIZE
    assert scan.personal_data == ()


async def test_pieces_are_at_most_twice_the_text() -> None:
    """Protects the price of a text without a blank in it, or with few."""
    for text in ("a" * 50_000, ("a" * 1_090 + " ") * 40, ("a" * 540 + " ") * 90):
        reader = _Reader()
        await _screening(reader).scan(None, [text])  # type: ignore[arg-type]
        assert len(reader.texts) <= 2 * (len(text) // (_SIZE - 512) + 1)
