"""Form and query → what is asked for. Pure; every refusal names the field."""

import re
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from kilonova.core.errors import InvalidRequest, RequestTooLarge
from kilonova.dialects.openai.complaints import explain
from kilonova.dialects.openai.files.schema import Listing, Upload
from kilonova.dialects.wire.multipart import Part, read_form

__all__ = ["decode_listing", "decode_upload"]

_Form = TypeVar("_Form", Upload, Listing)

_FIELDS_MAX = 64
_VALUE_BYTES_MAX = 1_000
# ``expires_after[seconds]``: a member of an object, as forms write it.
_MEMBER = re.compile(r"([^\[\]]+)\[([^\[\]]+)\]")
_UNNAMED = "upload"
_LINES_ONLY = {"batch": "Batch", "fine-tune": "Fine-tuning"}


def decode_upload(
    content_type: str | None, body: bytes, *, file_bytes_max: int
) -> tuple[Upload, bytes]:
    """The form, and the bytes of the file. Raises InvalidRequest."""
    tree: dict[str, Any] = {}
    content = b""
    for part in read_form(content_type, body):
        value: str
        if part.name == "file":
            value, content = _file(part, file_bytes_max), part.content
        else:
            value = _text(part)
        _plant(tree, part.name, value)
    upload = _convert(tree, Upload)
    api = _LINES_ONLY.get(upload.purpose)
    if api is not None and not upload.file.lower().endswith(".jsonl"):
        raise InvalidRequest(
            f"Invalid file format for {api} API. Must be .jsonl",
            param="file",
            reason="invalid_file",
        )
    return upload, content


def decode_listing(query: bytes) -> Listing:
    """Raises InvalidRequest. ``api-version`` is for another surface of this wire."""
    try:
        fields = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=_FIELDS_MAX
        )
    except ValueError:
        raise InvalidRequest(f"The query holds more than {_FIELDS_MAX} fields.") from None
    tree: dict[str, Any] = {}
    for name, value in fields:
        if name != "api-version":
            _plant(tree, name, value)
    return _convert(tree, Listing)


def _file(part: Part, file_bytes_max: int) -> str:
    if part.filename is None:
        raise InvalidRequest(
            "Invalid type for 'file': expected a file, but got a string instead.",
            param="file",
            reason="invalid_type",
        )
    if len(part.content) > file_bytes_max:
        raise RequestTooLarge(
            f"The file has {len(part.content)} bytes; here a file may have {file_bytes_max}.",
            param="file",
        )
    return part.filename or _UNNAMED


def _text(part: Part) -> str:
    name = part.name[:_VALUE_BYTES_MAX]
    if part.filename is not None or len(part.content) > _VALUE_BYTES_MAX:
        raise InvalidRequest(
            f"Invalid type for '{name}': expected a short text.", param=name, reason="invalid_type"
        )
    try:
        return part.content.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(
            f"Invalid '{name}': it is not UTF-8.", param=name, reason="invalid_value"
        ) from None


def _plant(tree: dict[str, Any], name: str, value: str) -> None:
    """Raises InvalidRequest where something stands there already."""
    member = _MEMBER.fullmatch(name)
    if member is not None:
        tree, name = tree.setdefault(member[1], {}), member[2]
    if not isinstance(tree, dict) or name in tree:
        raise InvalidRequest(
            f"Duplicate parameter: '{name[:_VALUE_BYTES_MAX]}' is given twice.",
            param=name[:_VALUE_BYTES_MAX],
            reason="duplicate_parameter",
        )
    tree[name] = value


def _convert(tree: dict[str, Any], kind: type[_Form]) -> _Form:
    """Numbers come as text in forms and queries."""
    try:
        return msgspec.convert(tree, kind, strict=False)
    except msgspec.ValidationError as error:
        raise explain(str(error), msgspec.json.encode(tree)) from None
