"""Files in the input: what was uploaded, or came with the request, in the form that models read.

An image by ``file_id`` becomes one by data URL, a file of text becomes text under its name. What is
kept of the request is what the model read, so that a file may be deleted afterwards.
"""

import base64
import binascii
from collections.abc import Sequence

from msgspec.structs import replace

from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.dialects.openai.responses.archive import Reading
from kilonova.dialects.openai.responses.items import KeptItem
from kilonova.dialects.openai.responses.schema import (
    CallOutput,
    InputFile,
    InputImage,
    InputText,
    MessageItem,
    Part,
)

__all__ = ["attach"]

# How each kind of image begins; WebP says so behind its length.
_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


async def attach(items: Sequence[KeptItem], reading: Reading) -> list[KeptItem]:
    """The items with their files read. Raises InvalidRequest or NotFound that names the part."""
    return [await _item(item, reading, f"input[{index}]") for index, item in enumerate(items)]


async def _item(item: KeptItem, reading: Reading, path: str) -> KeptItem:
    if isinstance(item, MessageItem) and not isinstance(item.content, str):
        parts = [
            await _part(part, reading, f"{path}.content[{index}]")
            for index, part in enumerate(item.content)
        ]
        return replace(item, content=parts)
    if isinstance(item, CallOutput) and not isinstance(item.output, str):
        parts = [
            await _part(part, reading, f"{path}.output[{index}]")
            for index, part in enumerate(item.output)
        ]
        return replace(item, output=parts)
    return item


async def _part(part: Part, reading: Reading, path: str) -> Part:
    if isinstance(part, InputFile):
        return await _file(part, reading, path)
    if isinstance(part, InputImage) and part.file_id is not None:
        _, content = await _stored(part.file_id, reading, path)
        url = f"data:{_image_type(content, path)};base64,{base64.b64encode(content).decode()}"
        return replace(part, file_id=None, image_url=url)
    return part


async def _file(part: InputFile, reading: Reading, path: str) -> InputText:
    if part.file_url is not None:
        raise _invalid(f"{path}.file_url", "files are not fetched from the network here")
    if part.file_id is not None:
        name, content = await _stored(part.file_id, reading, path)
    elif part.file_data is not None:
        name, content = part.filename or "file", _decoded(part.file_data, path)
    else:
        raise InvalidRequest(
            f"Missing required parameter: '{path}.file_id'.",
            param=f"{path}.file_id",
            reason="missing_required_parameter",
        )
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InvalidRequest(
            f"Unsupported value: '{path}'. Only files of text (UTF-8) are read here; send the text "
            "of this one.",
            param=path,
            reason="unsupported_value",
        )
    return InputText(f"{name}:\n\n{text}")


async def _stored(file_id: str, reading: Reading, path: str) -> tuple[str, bytes]:
    try:
        stored = await reading.file(file_id)
    except NotFound as error:
        error.param = f"{path}.file_id"
        raise
    return stored.name, stored.content


def _decoded(encoded: str, path: str) -> bytes:
    """Base64, alone or in a data URL."""
    if encoded.startswith("data:"):
        encoded = encoded.partition(",")[2]
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(f"{path}.file_data", "it is not valid base64") from None


def _image_type(content: bytes, path: str) -> str:
    for beginning, media_type in _IMAGES:
        if content.startswith(beginning):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    raise _invalid(f"{path}.file_id", "the file is no PNG, JPEG, GIF or WebP image")


def _invalid(param: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"Invalid '{param}': {why}.", param=param, reason="invalid_value")
