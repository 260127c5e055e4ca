"""Which images may reach the engine: of a kind that it decodes itself, and not too many pixels.

It hands what it does not know to a program for videos, and a small file can claim an image that no
memory holds; so the first bytes are read here, as the file's own header and not as its sender says.
"""

import struct

from kilonova.core.chat import ChatRequest, ImagePart
from kilonova.core.errors import InvalidRequest

__all__ = ["check_images"]

# All images of a request are in memory at once, three bytes a pixel.
_PIXELS_MAX, _PIXELS_TOGETHER_MAX = 1 << 25, 1 << 27
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_SEGMENTS_MAX = 1_024
_GIF = (b"GIF87a", b"GIF89a")

# Of JPEG's markers those that carry the size: all frames but three markers that lie among them.
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def check_images(request: ChatRequest, *, can_see: bool) -> None:
    """Raises InvalidRequest for the first image that must not be decoded."""
    pixels = 0
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ImagePart):
                pixels += _pixels(part.content, can_see=can_see)
    if pixels > _PIXELS_TOGETHER_MAX:
        raise InvalidRequest(
            f"The images have {pixels} pixels together; up to {_PIXELS_TOGETHER_MAX} are read.",
            param="messages",
        )


def _pixels(content: bytes, *, can_see: bool) -> int:
    if not can_see:
        raise _refused("cannot be read: this model's engine has no projector")
    size = _size(content)
    if size is None:
        raise _refused("is not a whole PNG, JPEG or GIF file, the kinds that this model reads")
    width, height = size
    if not 0 < width * height <= _PIXELS_MAX:
        raise _refused(f"has {width} x {height} pixels; from 1 to {_PIXELS_MAX} are read")
    return width * height


def _size(content: bytes) -> tuple[int, int] | None:
    """Width and height as the file itself says; None for a file of another kind."""
    try:
        if content.startswith(_PNG) and content[12:16] == b"IHDR":
            width, height = struct.unpack_from(">II", content, 16)
        elif content.startswith(_GIF):
            width, height = struct.unpack_from("<HH", content, 6)
        elif content.startswith(_JPEG):
            height, width = struct.unpack_from(">HH", content, _jpeg_frame(content) + 5)
        else:
            return None
    except (struct.error, IndexError):
        return None
    return width, height


def _jpeg_frame(content: bytes) -> int:
    """Where the marker of the frame's kind stands, behind other segments with their lengths.

    Raises IndexError where it does not stand among the first: a large file may be nothing else."""
    at = 2
    for _ in range(_SEGMENTS_MAX):
        if content[at + 1] in _FRAMES:
            return at
        (size,) = struct.unpack_from(">H", content, at + 2)
        at += 2 + max(size, 2)
    raise IndexError("no frame")


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(f"An image {why}.", param="messages")
