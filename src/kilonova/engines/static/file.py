"""Reads static vectors from a safetensors file, and distrusts it.

Three tensors: ``rows`` (U8, pieces × dimensions, each byte 128 too large), ``weights`` (U16, one a
piece) and ``pieces`` (U8, UTF-8 text, one piece a line). The metadata hold ``unit``.
"""

import hashlib
import math
import struct
from array import array
from pathlib import Path

import msgspec
from msgspec import Struct

from kilonova.engines.static.pieces import BYTES, NOTHING, Pieces
from kilonova.engines.static.vectors import Vectors

__all__ = ["StaticFile", "StaticFileError", "read_static"]

_FILE_BYTES_MAX = 256 << 20
_HEADER_BYTES_MAX = 1 << 20
_DIMENSIONS_MAX = 4_096
_WIDTHS = {"U8": 1, "U16": 2}


class StaticFileError(Exception):
    """The file is not one of static vectors; the message says what is wrong."""


class StaticFile(Struct, frozen=True):
    pieces: Pieces
    vectors: Vectors


class _Tensor(Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class _Metadata(Struct, frozen=True):
    unit: str


class _Header(Struct, frozen=True):
    rows: _Tensor
    weights: _Tensor
    pieces: _Tensor
    metadata: _Metadata = msgspec.field(name="__metadata__")


def read_static(path: Path, *, sha256: str = "") -> StaticFile:
    """Raises StaticFileError with a sentence."""
    try:
        if path.stat().st_size > _FILE_BYTES_MAX:
            raise StaticFileError(f"{path} is larger than {_FILE_BYTES_MAX} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise StaticFileError(f"{path} cannot be read: {error.strerror}") from error
    found = hashlib.sha256(content).hexdigest()
    if sha256 and found != sha256.lower():
        raise StaticFileError(f"{path} has the SHA-256 {found}, not the one configured")
    try:
        return _parse(content)
    except (StaticFileError, msgspec.DecodeError, UnicodeDecodeError, struct.error) as error:
        raise StaticFileError(f"{path} is not a file of static vectors: {error}") from error


def _parse(content: bytes) -> StaticFile:
    (size,) = struct.unpack_from("<Q", content)
    if size > min(_HEADER_BYTES_MAX, len(content) - 8):
        raise StaticFileError(f"its header claims {size} bytes")
    header = msgspec.json.decode(content[8 : 8 + size], type=_Header)
    body = memoryview(content)[8 + size :]
    rows = bytes(_tensor(body, header.rows, dtype="U8"))
    weights = array("H", struct.unpack(f"<{header.weights.shape[0]}H", _weights(body, header)))
    pieces = bytes(_tensor(body, header.pieces, dtype="U8")).decode().split("\n")
    _check_sizes(header, pieces)
    return StaticFile(Pieces(pieces), Vectors(rows, weights, unit=_unit(header.metadata.unit)))


def _weights(body: memoryview, header: _Header) -> memoryview:
    return _tensor(body, header.weights, dtype="U16")


def _tensor(body: memoryview, tensor: _Tensor, *, dtype: str) -> memoryview:
    start, end = tensor.data_offsets
    size = math.prod(tensor.shape) * _WIDTHS[dtype]
    if tensor.dtype != dtype or not 0 <= start <= end <= len(body) or end - start != size:
        raise StaticFileError(f"a tensor is not {dtype} of the size that it claims")
    return body[start:end]


def _check_sizes(header: _Header, pieces: list[str]) -> None:
    count = len(pieces)
    if len(header.rows.shape) != 2 or header.rows.shape[0] != count:
        raise StaticFileError(f"it has {count} pieces and rows of the shape {header.rows.shape}")
    if header.weights.shape != (count,) or not 1 <= header.rows.shape[1] <= _DIMENSIONS_MAX:
        raise StaticFileError("its weights or dimensions do not fit its pieces")
    if len(set(pieces)) != count or not {NOTHING, *BYTES} <= set(pieces):
        raise StaticFileError("a piece is there twice, or a byte is missing")


def _unit(text: str) -> float:
    try:
        unit = float(text)
    except ValueError:
        unit = math.nan
    if not 0 < unit < math.inf:
        raise StaticFileError(f"its unit is {text[:40]!r}, not a positive number")
    return unit
