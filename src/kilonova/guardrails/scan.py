"""What a scan says about a text, as plain values; importing them loads no weights."""

from typing import Literal

from msgspec import Struct

__all__ = ["OUT_OF_SCOPE", "UNDETERMINED", "Guess", "Injection", "Kind", "Scan", "Span"]

OUT_OF_SCOPE = "out_of_scope"
UNDETERMINED = "und"

Kind = Literal[
    "email",
    "phone",
    "iban",
    "payment_card",
    "ipv4",
    "ipv6",
    "us_ssn",
    "fr_nir",
    "es_dni",
    "it_codice_fiscale",
    "br_cpf",
    "secret",
]


class Guess(Struct, frozen=True):
    """The likeliest label of a task; ``probabilities`` are those of all its labels, in order."""

    label: str
    probability: float
    probabilities: tuple[float, ...]


class Span(Struct, frozen=True):
    """``text[start:end]`` is of this kind; places count characters."""

    kind: Kind
    start: int
    end: int


class Injection(Struct, frozen=True):
    """Flagged from a ``score`` of one half on; ``families`` are those whose pattern matched."""

    score: float
    families: tuple[str, ...]

    @property
    def is_flagged(self) -> bool:
        return self.score >= 0.5


class Scan(Struct, frozen=True, kw_only=True):
    """``language`` is an ISO 639-1 code or ``und``, ``intent`` one of 150 everyday requests or out
    of scope, ``banking`` one of 77 requests to a bank; ``complexity`` is the work in an answer."""

    language: Guess
    intent: Guess
    banking: Guess
    personal_data: tuple[Span, ...]
    injection: Injection
    complexity: float
