"""Forms with files (``multipart/form-data``, RFC 7578), read strictly from a body that is whole.

Nothing is guessed: what a careful client would not send is refused, so that no proxy in front can
read another form than we do. Names of files are text to keep, never paths.
"""

import re
from urllib.parse import unquote

from msgspec import Struct

from kilonova.core.errors import InvalidRequest

__all__ = ["BOUNDARY_LENGTH_MAX", "PARTS_MAX", "Part", "read_form"]

PARTS_MAX = 32
BOUNDARY_LENGTH_MAX = 70  # RFC 2046
_HEAD_BYTES_MAX = 8_192
_TYPE_LENGTH_MAX = 1_000

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_MEDIA_TYPE = re.compile(rf"\s*({_WORD}/{_WORD})\s*((?:;.*)?)", re.DOTALL)
# A parameter is a token or a quoted text, in which only a quote and a backslash are escaped.
_PARAMETER = re.compile(rf'\s*;\s*({_WORD})\s*=\s*(?:({_WORD})|"((?:[^"\\\r\n]|\\.)*)")\s*')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]")
_NAME = re.compile(_WORD)
_EXTENDED = re.compile(r"(?:utf-8|iso-8859-1)'[^']*'(.*)", re.IGNORECASE | re.DOTALL)
_PLAIN_ENCODINGS = ("7bit", "8bit", "binary")


class Part(Struct, frozen=True, kw_only=True):
    """One field. ``filename`` is None where it is no file."""

    name: str
    filename: str | None
    content: bytes


def read_form(content_type: str | None, body: bytes) -> list[Part]:
    """The parts in their order. Raises InvalidRequest that says what is wrong."""
    delimiter = b"--" + _boundary(content_type)
    if not body.startswith(delimiter):
        raise _malformed("it does not begin with the boundary of its content-type")
    parts: list[Part] = []
    at = len(delimiter)
    while not body.startswith(b"--", at):
        if not body.startswith(b"\r\n", at):
            raise _malformed("a boundary is followed by neither a part nor the end")
        if len(parts) == PARTS_MAX:
            raise _malformed(f"it has more than {PARTS_MAX} parts")
        head_end = body.find(b"\r\n\r\n", at, at + _HEAD_BYTES_MAX)
        if head_end < 0:
            raise _malformed(f"a part's headers do not end within {_HEAD_BYTES_MAX} bytes")
        begin = head_end + 4
        end = body.find(b"\r\n" + delimiter, begin)
        if end < 0:
            raise _malformed("it ends before its last boundary")
        parts.append(_part(body[at + 2 : head_end], body[begin:end]))
        at = end + 2 + len(delimiter)
    if body[at + 2 :] not in (b"", b"\r\n"):
        raise _malformed("something follows its last boundary")
    return parts


def _boundary(content_type: str | None) -> bytes:
    found = _MEDIA_TYPE.fullmatch((content_type or "")[:_TYPE_LENGTH_MAX])
    if found is None or found[1].lower() != "multipart/form-data":
        raise InvalidRequest(
            "We expected a form with a file: send it with the content-type 'multipart/form-data'.",
            reason="invalid_content_type",
        )
    boundary = _parameters(found[2]).get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary) or len(boundary) > BOUNDARY_LENGTH_MAX:
        raise _malformed("its content-type has no boundary that RFC 2046 allows")
    return boundary.encode()


def _parameters(text: str) -> dict[str, str]:
    """``; a=b; c="d"``. Raises InvalidRequest for anything else, and where a name comes twice."""
    parameters: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _PARAMETER.match(text, at)
        if found is None or found[1].lower() in parameters:
            raise _malformed("a header's parameters are not understood")
        quoted = re.sub(r'\\(["\\])', r"\1", found[3] or "")
        parameters[found[1].lower()] = found[2] or quoted
        at = found.end()
    return parameters


def _part(head: bytes, content: bytes) -> Part:
    fields = _fields(head)
    kind, _, rest = fields.get("content-disposition", "").partition(";")
    parameters = _parameters(f";{rest}" if rest else "")
    name = parameters.get("name")
    if kind.strip().lower() != "form-data" or name is None:
        raise _malformed("a part has no content-disposition of form-data with a name")
    encoding = fields.get("content-transfer-encoding", "binary").lower()
    if encoding not in _PLAIN_ENCODINGS:
        raise _malformed("a part has a content-transfer-encoding; send its bytes as they are")
    return Part(name=name, filename=_filename(parameters), content=content)


def _fields(head: bytes) -> dict[str, str]:
    """Header names in lower case. Older clients write names of files in their own encoding."""
    try:
        lines = head.decode().split("\r\n")
    except UnicodeDecodeError:
        lines = head.decode("latin-1").split("\r\n")
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name) or name.lower() in fields:
            raise _malformed("a part's headers are not understood")
        fields[name.lower()] = value.strip(" \t")
    return fields


def _filename(parameters: dict[str, str]) -> str | None:
    """In a plain one, browsers and SDKs escape a quote and line ends by percent, and nothing else;
    in the extended one everything may be."""
    if extended := _EXTENDED.fullmatch(parameters.get("filename*", "")):
        return unquote(extended[1])
    filename = parameters.get("filename")
    if filename is not None:
        for escaped, plain in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
            filename = filename.replace(escaped, plain)
    return filename


def _malformed(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"We could not parse the form of your request: {why}.", reason="invalid_form"
    )
