"""Reads a safetensors file of ours: named arrays and text, checked before anything is used.

The file is written by ``training/sentry``. Never pickle: a header of JSON, then raw numbers.
"""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

__all__ = ["Tensors", "WeightsError", "read_tensors"]

_TYPES: dict[str, np.dtype[np.generic]] = {
    "I8": np.dtype(np.int8),
    "F32": np.dtype("<f4"),
}
_HEADER_BYTES_MAX = 1 << 20
_TEXTS = "__metadata__"


class WeightsError(ValueError):
    """The weights are missing, cut off or not those that were shipped."""


class _Tensor(Struct, frozen=True):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


class Tensors(Struct, frozen=True):
    """``texts`` are the strings that the file carries beside its arrays."""

    arrays: dict[str, NDArray[np.generic]]
    texts: dict[str, str]

    def floats(self, name: str) -> NDArray[np.float32]:
        """Raises WeightsError where the file has no such array of numbers."""
        return self._array(name).astype(np.float32, copy=False)

    def bytes(self, name: str) -> NDArray[np.int8]:
        """As ``floats``, for quantised numbers."""
        array = self._array(name)
        if array.dtype != np.int8:
            raise WeightsError(f"the array {name!r} of the weights is not quantised")
        return array.view(np.int8)

    def text(self, name: str) -> str:
        """Raises WeightsError where the file carries no such text."""
        if name not in self.texts:
            raise WeightsError(f"the weights carry no text {name!r}")
        return self.texts[name]

    def _array(self, name: str) -> NDArray[np.generic]:
        if name not in self.arrays:
            raise WeightsError(f"the weights hold no array {name!r}")
        return self.arrays[name]


def read_tensors(path: Path, *, sha256: str) -> Tensors:
    """The arrays of a file whose digest is known. Raises WeightsError with what is wrong."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path.name} cannot be read: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WeightsError(f"{path.name} is not the file that was shipped: its sha256 differs")
    try:
        return _parse(content)
    except (msgspec.MsgspecError, ValueError, KeyError) as error:
        raise WeightsError(f"{path.name} is not a usable safetensors file: {error}") from None


def _parse(content: bytes) -> Tensors:
    length = int.from_bytes(content[:8], "little")
    if not 2 <= length <= min(_HEADER_BYTES_MAX, len(content) - 8):
        raise ValueError("its header has no sound length")
    header = msgspec.json.decode(content[8 : 8 + length], type=dict[str, msgspec.Raw])
    texts = msgspec.json.decode(header.pop(_TEXTS, msgspec.Raw(b"{}")), type=dict[str, str])
    body = memoryview(content)[8 + length :]
    arrays = {
        name: _array(msgspec.json.decode(raw, type=_Tensor), body) for name, raw in header.items()
    }
    return Tensors(arrays, texts)


def _array(tensor: _Tensor, body: memoryview) -> NDArray[np.generic]:
    start, end = tensor.data_offsets
    if not 0 <= start <= end <= len(body):
        raise ValueError("an array lies outside the file")
    numbers: NDArray[np.generic] = np.frombuffer(body[start:end], dtype=_TYPES[tensor.dtype])
    return numbers.reshape(tensor.shape)
