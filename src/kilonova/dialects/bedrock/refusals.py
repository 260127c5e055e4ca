"""Refusing and noting members by name, as the lists in `support` say."""

from functools import cache

from msgspec import Raw, Struct
from msgspec.structs import fields

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.bedrock.support import IGNORED, REFUSED

__all__ = ["has", "ignored_members", "only_member", "refuse_members"]


def has(value: object) -> bool:
    """Whether a member was sent: raw JSON is empty when it was not."""
    if isinstance(value, Raw):
        return bool(value) and bytes(value) != b"null"
    return value is not None


def refuse_members(value: Struct, shape: str, *, place: str = "") -> None:
    """Raises InvalidRequest for the first member that cannot be honoured."""
    for name, attribute in _listed(type(value), tuple(REFUSED[shape])):
        if has(getattr(value, attribute)):
            path = f"{place}.{name}" if place else name
            raise InvalidRequest(f"{path}: {REFUSED[shape][name]}.", param=path)


def ignored_members(value: Struct, shape: str) -> list[str]:
    """The hints that were sent and are not followed."""
    return [
        name
        for name, attribute in _listed(type(value), IGNORED[shape])
        if has(getattr(value, attribute))
    ]


def only_member(value: Struct, *, place: str) -> str:
    """The attribute that is set, of a union. Raises InvalidRequest unless it is exactly one."""
    found = [name for name in value.__struct_fields__ if has(getattr(value, name))]
    if len(found) != 1:
        names = ", ".join(field.encode_name for field in fields(value))
        raise InvalidRequest(
            f"1 validation error detected: Value at '{place}' failed to satisfy constraint: "
            f"Member must have exactly one of: [{names}]",
            param=place,
        )
    return found[0]


@cache
def _listed(kind: type[Struct], names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Pairs of the wire's name and the attribute."""
    attributes = {field.encode_name: field.name for field in fields(kind)}
    return tuple((name, attributes[name]) for name in names)
