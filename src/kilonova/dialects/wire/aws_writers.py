"""From values to JSON that AWS's SDKs can read, as AWS's shapes describe it.

Only a programmer can get an answer wrong, so a member that the shape does not have is an assertion,
not an error.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from kilonova.dialects.wire.aws_files import ShapeFile

__all__ = ["Writer", "Writers"]

Writer = Callable[[object], object]


class Writers:
    """All writers of one service, made on demand."""

    def __init__(self, shapes: Mapping[str, ShapeFile]) -> None:
        self._shapes = shapes
        self._made: dict[str, Writer] = {}

    def writer(self, shape_name: str) -> Writer:
        """The writer of a shape."""
        made = self._made.get(shape_name)
        if made is None:
            made = self._made[shape_name] = self._make(self._shapes[shape_name])
        return made

    def _make(self, shape: ShapeFile) -> Writer:
        match shape.type:
            case "structure" if not shape.document:
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case "blob":
                return _write_blob
            case "timestamp":
                return _write_moment if shape.timestamp_format == "iso8601" else _write_epoch
            case _:
                return _write_same

    def _structure(self, shape: ShapeFile) -> Writer:
        members = {
            name: (member.location_name or name, member.shape)
            for name, member in shape.members.items()
            if member.location is None
        }

        def write(value: object) -> object:
            assert isinstance(value, Mapping)
            written: dict[str, object] = {}
            for name, item in value.items():
                if item is not None:
                    assert name in members, f"the shape has no member {name!r}"
                    wire_name, member_shape = members[name]
                    written[wire_name] = self.writer(member_shape)(item)
            return written

        return write

    def _list(self, shape: ShapeFile) -> Writer:
        assert shape.member is not None
        member_shape = shape.member.shape

        def write(value: object) -> object:
            assert isinstance(value, list | tuple)
            writer = self.writer(member_shape)
            return [writer(item) for item in value]

        return write

    def _map(self, shape: ShapeFile) -> Writer:
        assert shape.value is not None
        value_shape = shape.value.shape

        def write(value: object) -> object:
            assert isinstance(value, Mapping)
            writer = self.writer(value_shape)
            return {key: writer(item) for key, item in value.items()}

        return write


def _write_same(value: object) -> object:
    return value


def _write_blob(value: object) -> object:
    assert isinstance(value, bytes)
    return b64encode(value).decode()


def _write_moment(value: object) -> object:
    assert isinstance(value, datetime)
    assert value.tzinfo is not None
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _write_epoch(value: object) -> object:
    assert isinstance(value, datetime)
    assert value.tzinfo is not None
    return value.timestamp()
