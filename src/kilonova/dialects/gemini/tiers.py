"""Service tiers by Google's names: ``priority`` or ``SERVICE_TIER_PRIORITY``; the default is
``standard``. Which one was sold stands in the header that Google's own clients look at.
"""

import re

from kilonova.core.errors import InvalidRequest
from kilonova.web.message import Header

__all__ = ["decode_tier", "ignored_tier", "tier_header"]

_PREFIX = "service_tier_"
_DEFAULT = ("", "standard", "unspecified")
_NAME = re.compile(r"^[a-z][a-z0-9_-]{0,39}$")


def decode_tier(word: str | None) -> str:
    """The platform's name. Raises InvalidRequest for what is no name of a tier."""
    name = (word or "").lower().removeprefix(_PREFIX)
    if name in _DEFAULT:
        return "default"
    if not _NAME.match(name):
        raise InvalidRequest(
            "Invalid value at 'serviceTier': choose flex, standard or priority.",
            param="serviceTier",
        )
    return name


def ignored_tier(asked: str, sold: str) -> tuple[str, ...]:
    """The field that changed nothing, where the price list does not sell what it asks for."""
    return () if asked == sold else ("serviceTier",)


def tier_header(sold: str) -> Header:
    """The header of an answer, whole or streamed."""
    name = "standard" if sold == "default" else sold
    return (b"x-gemini-service-tier", name.encode())
