"""Who an issuer says that somebody is, and whom the configuration lets in without an invitation."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from kilonova.settings import OidcRule

__all__ = ["Identity", "identity_of", "matching"]

_EMAIL_LENGTH_MAX = 254


class Identity(Struct, frozen=True, kw_only=True):
    """Somebody whom the issuer vouches for. ``email`` is in lower case, and empty unless it is
    verified."""

    issuer: str
    subject: str
    email: str
    name: str
    claims: dict[str, Any]

    def __repr__(self) -> str:
        """Without the claims: a representation ends up in logs."""
        return f"Identity({self.subject})"


def identity_of(claims: dict[str, Any], *, trusts_email: bool) -> Identity:
    """``trusts_email`` takes an e-mail of which the issuer does not say whether it is verified; one
    that it says is not, is never taken."""
    email, verified = claims.get("email"), claims.get("email_verified")
    is_verified = verified in (True, "true") or (verified is None and trusts_email)
    is_email = isinstance(email, str) and "@" in email and len(email) <= _EMAIL_LENGTH_MAX
    name = claims.get("name") or claims.get("preferred_username") or ""
    return Identity(
        issuer=claims["iss"],
        subject=claims["sub"],
        email=str(email).strip().lower() if is_email and is_verified else "",
        name=name.strip()[:100] if isinstance(name, str) else "",
        claims=claims,
    )


def matching(rules: Sequence[OidcRule], identity: Identity) -> list[OidcRule]:
    """The rules that let somebody in, in their order. Without a verified e-mail, none does."""
    return [each for each in rules if identity.email and _matches(each, identity)]


def _matches(rule: OidcRule, identity: Identity) -> bool:
    domain = identity.email.rpartition("@")[2]
    if rule.domain and domain != rule.domain.lower().removeprefix("@"):
        return False
    return not rule.claim or _holds(_claim(identity.claims, rule.claim), rule.value)


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """By its name; where there is none, ``a.b`` is ``b`` inside of ``a``."""
    if name in claims:
        return claims[name]
    first, dot, rest = name.partition(".")
    inner = claims.get(first)
    return _claim(inner, rest) if dot and isinstance(inner, dict) else None


def _holds(told: object, value: str) -> bool:
    if isinstance(told, list):
        return any(_holds(each, value) for each in told if not isinstance(each, list))
    if isinstance(told, bool):
        return value == str(told).lower()
    return isinstance(told, str | int) and str(told) == value
