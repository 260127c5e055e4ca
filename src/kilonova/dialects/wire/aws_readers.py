"""From decoded JSON to checked values, as AWS's shapes describe them.

A reader converts and validates in one walk: blobs become bytes, timestamps datetimes. Unknown
members are ignored, as newer SDKs may send them. Readers are made when first used, so a service of
900 shapes costs what its callers touch.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite

from kilonova.dialects.wire.aws_files import MemberFile, ShapeFile

__all__ = ["Reader", "Readers", "Violation", "missing", "read_under"]

Reader = Callable[[object], object]
_SHOWN_CHARACTERS_MAX = 64


class Violation(Exception):
    """A value breaks a rule of its shape; the path grows while the error rises to the request."""

    def __init__(self, rule: str, value: object = ...) -> None:
        super().__init__(rule)
        self.rule = rule
        self.value = value
        self.path: list[str] = []

    @property
    def param(self) -> str:
        """Where the value stands, in AWS's notation: list members count from 1."""
        return ".".join(reversed(self.path))

    @property
    def message(self) -> str:
        """The sentence of AWS's own validator."""
        return (
            f"1 validation error detected: Value {self._shown()}at '{self.param}' "
            f"failed to satisfy constraint: {self.rule}"
        )

    def _shown(self) -> str:
        if self.value is None:
            return "null "
        if (
            isinstance(self.value, str | int | float)
            and len(str(self.value)) <= _SHOWN_CHARACTERS_MAX
        ):
            return f"'{self.value}' "
        return ""


class Readers:
    """All readers of one service, made on demand."""

    def __init__(self, shapes: Mapping[str, ShapeFile]) -> None:
        self._shapes = shapes
        self._made: dict[str, Reader] = {}

    def reader(self, shape_name: str) -> Reader:
        """The reader of a shape."""
        made = self._made.get(shape_name)
        if made is None:
            made = self._made[shape_name] = self._make(self._shapes[shape_name])
        return made

    def _make(self, shape: ShapeFile) -> Reader:
        match shape.type:
            case "structure":
                return _read_document if shape.document else self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case kind:
                return _SCALARS[kind](shape)

    def _structure(self, shape: ShapeFile) -> Reader:
        body = {name: member for name, member in shape.members.items() if member.location is None}
        return self.structure(body, required=shape.required, is_union=shape.union)

    def structure(
        self,
        members: Mapping[str, MemberFile],
        *,
        required: tuple[str, ...] = (),
        is_union: bool = False,
    ) -> Reader:
        """A reader of an object with these members; they may mention the structure itself."""
        compiled: list[tuple[str, str, Reader]] = []

        def read(value: object) -> object:
            if not isinstance(value, dict):
                raise Violation("Member must be a structure")
            if not compiled:
                compiled.extend(
                    (name, member.location_name or name, self.reader(member.shape))
                    for name, member in members.items()
                )
            found: dict[str, object] = {}
            for name, wire_name, reader in compiled:
                raw = value.get(wire_name)
                if raw is not None:
                    found[name] = read_under(name, reader, raw)
            for name in required:
                if name not in found:
                    raise missing(name)
            if is_union and len(found) != 1:
                raise Violation(f"Member must have exactly one of: [{', '.join(members)}]")
            return found

        return read

    def _list(self, shape: ShapeFile) -> Reader:
        assert shape.member is not None
        member_shape = shape.member.shape
        check = _length_check(shape)

        def read(value: object) -> object:
            if not isinstance(value, list):
                raise Violation("Member must be a list")
            check(value)
            reader = self.reader(member_shape)
            return [read_under(f"{i}.member", reader, item) for i, item in enumerate(value, 1)]

        return read

    def _map(self, shape: ShapeFile) -> Reader:
        assert shape.key is not None
        assert shape.value is not None
        key_shape, value_shape = shape.key.shape, shape.value.shape
        check = _length_check(shape)

        def read(value: object) -> object:
            if not isinstance(value, dict):
                raise Violation("Member must be a map")
            check(value)
            read_key, read_value = self.reader(key_shape), self.reader(value_shape)
            return {
                read_under(f"{key}.key", read_key, key): read_under(
                    f"{key}.value", read_value, item
                )
                for key, item in value.items()
                if item is not None
            }

        return read


def read_under(name: str, reader: Reader, value: object) -> object:
    """The value as the reader sees it; a violation learns that it happened under this name."""
    try:
        return reader(value)
    except Violation as violation:
        violation.path.append(name)
        raise


def missing(name: str) -> Violation:
    """A required member is absent."""
    violation = Violation("Member must not be null", None)
    violation.path.append(name)
    return violation


def _read_document(value: object) -> object:
    return value


def _read_boolean(value: object) -> object:
    if not isinstance(value, bool):
        raise Violation("Member must be a boolean", value)
    return value


def _read_timestamp(value: object) -> object:
    # SDKs disagree on the default of rest-json, and neither form can be mistaken for the other.
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise Violation("Member must be a timestamp such as 2026-11-23T08:00:00Z", value)


def _string(shape: ShapeFile) -> Reader:
    check = _length_check(shape)
    allowed = frozenset(shape.enum)
    pattern = _compile_pattern(shape.pattern) if shape.pattern else None

    def read(value: object) -> object:
        if not isinstance(value, str):
            raise Violation("Member must be a string", value)
        check(value)
        if allowed and value not in allowed:
            raise Violation(f"Member must satisfy enum value set: [{', '.join(shape.enum)}]", value)
        if pattern is not None and pattern.fullmatch(value) is None:
            raise Violation(
                f"Member must satisfy regular expression pattern: {shape.pattern}", value
            )
        return value

    return read


def _integer(shape: ShapeFile) -> Reader:
    check = _range_check(shape)

    def read(value: object) -> object:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise Violation("Member must be an integer", value)
        check(value)
        return value

    return read


def _number(shape: ShapeFile) -> Reader:
    check = _range_check(shape)

    def read(value: object) -> object:
        if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
            raise Violation("Member must be a finite number", value)
        check(value)
        return value

    return read


def _blob(shape: ShapeFile) -> Reader:
    check = _length_check(shape)

    def read(value: object) -> object:
        try:
            if not isinstance(value, str):
                raise Base64Error
            content = b64decode(value, validate=True)
        except (Base64Error, ValueError):
            raise Violation("Member must be Base64-encoded binary data") from None
        check(content)
        return content

    return read


def _length_check(
    shape: ShapeFile,
) -> Callable[[str | bytes | list[object] | dict[object, object]], None]:
    low, high = int(shape.min or 0), shape.max

    def check(value: str | bytes | list[object] | dict[object, object]) -> None:
        if len(value) < low:
            raise Violation(f"Member must have length greater than or equal to {low}", value)
        if high is not None and len(value) > high:
            raise Violation(f"Member must have length less than or equal to {int(high)}", value)

    return check


def _range_check(shape: ShapeFile) -> Callable[[float], None]:
    low, high = shape.min, shape.max

    def check(value: float) -> None:
        if low is not None and value < low:
            raise Violation(f"Member must have value greater than or equal to {low:g}", value)
        if high is not None and value > high:
            raise Violation(f"Member must have value less than or equal to {high:g}", value)

    return check


def _compile_pattern(pattern: str) -> re.Pattern[str] | None:
    # AWS matches the whole value. Three patterns use `\p{…}`, which `re` lacks: not checked.
    return None if r"\p" in pattern or r"\P" in pattern else re.compile(pattern)


_SCALARS: dict[str, Callable[[ShapeFile], Reader]] = {
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "blob": _blob,
    "boolean": lambda _: _read_boolean,
    "timestamp": lambda _: _read_timestamp,
}
