"""One operation's request, from HTTP to checked values.

Members come from labels of the path, the query, headers, and the body: either an object that holds
all the rest, or one member that is the whole body (`payload`).
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.wire.aws_files import MemberFile, ShapeFile
from kilonova.dialects.wire.aws_readers import Reader, Readers, Violation, missing, read_under

__all__ = ["RequestReader", "WireRequest"]


class WireRequest(Struct, frozen=True):
    """A routed request: labels are decoded, the query is not, header names are in lower case."""

    labels: Mapping[str, str]
    query: str
    headers: Mapping[str, str]
    body: bytes


class RequestReader:
    """Reads the requests of one operation."""

    def __init__(self, shape: ShapeFile, shapes: Mapping[str, ShapeFile], readers: Readers) -> None:
        self._shape = shape
        self._shapes = shapes
        self._readers = readers

    def read(self, request: WireRequest) -> dict[str, object]:
        """The input as checked values. Raises InvalidRequest in the words of AWS's validator."""
        try:
            found = self._read_texts(request)
            found.update(self._read_body(request.body))
            for name in self._shape.required:
                if name not in found:
                    raise missing(name)
        except Violation as violation:
            raise InvalidRequest(violation.message, param=violation.param) from None
        return found

    def _read_texts(self, request: WireRequest) -> dict[str, object]:
        query = parse_qs(request.query, keep_blank_values=True) if request.query else {}
        found: dict[str, object] = {}
        for name, member, read in self._text_members:
            key = member.location_name or name
            match member.location:
                case "uri":
                    texts = [request.labels[key]] if key in request.labels else []
                case "querystring":
                    texts = query.get(key, [])
                case _:
                    value = request.headers.get(key.lower())
                    texts = [] if value is None else [value]
            if texts:
                found[name] = read_under(name, read, texts)
        return found

    @cached_property
    def _text_members(self) -> list[tuple[str, MemberFile, Reader]]:
        return [
            (name, member, self._text_reader(member.shape))
            for name, member in self._shape.members.items()
            if member.location is not None
        ]

    def _text_reader(self, shape_name: str) -> Callable[[object], object]:
        read, kind = self._readers.reader(shape_name), self._shapes[shape_name].type

        def read_texts(texts: object) -> object:
            assert isinstance(texts, list)
            return read(texts) if kind == "list" else read(_from_text(texts[-1], kind))

        return read_texts

    def _read_body(self, body: bytes) -> dict[str, object]:
        payload = self._shape.payload
        if payload is None:
            members = self._read_members(_decode_json(body)) if self._has_body_members else {}
            assert isinstance(members, dict)
            return members
        shape_name = self._shape.members[payload].shape
        shape = self._shapes[shape_name]
        if shape.eventstream or not body:
            return {}
        read = self._readers.reader(shape_name)
        return {
            payload: body if shape.type == "blob" else read_under(payload, read, _decode_json(body))
        }

    @cached_property
    def _has_body_members(self) -> bool:
        return any(member.location is None for member in self._shape.members.values())

    @cached_property
    def _read_members(self) -> Reader:
        members = {name: m for name, m in self._shape.members.items() if m.location is None}
        return self._readers.structure(members)


def _from_text(text: str, kind: str) -> object:
    # What does not convert is left as text: the shape's reader refuses it in its own words.
    try:
        match kind:
            case "integer" | "long":
                return int(text)
            case "float" | "double":
                return float(text)
            case "boolean":
                return {"true": True, "false": False}.get(text, text)
    except ValueError:
        pass
    return text


def _decode_json(body: bytes) -> object:
    try:
        return msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error}", reason="malformed_json"
        ) from None
