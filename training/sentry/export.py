"""Writes the fitted heads as one safetensors file with eight-bit tables, and its checksum."""

import hashlib
import json
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

__all__ = ["Package", "write_package"]

_NAMES = {np.dtype(np.int8): "I8", np.dtype(np.float32): "F32"}


class Package(Struct):
    """Arrays and texts by name, as ``kilonova.guardrails.weights`` reads them."""

    arrays: dict[str, NDArray[np.generic]]
    texts: dict[str, str]

    def add_table(self, name: str, table: NDArray[np.float32]) -> None:
        """A table in eight bits, with the one scale that they are to be multiplied by."""
        # The rarest features have the largest weights; one in ten thousand is cut off.
        scale = float(np.quantile(np.abs(table), 0.9999)) / 127
        self.arrays[f"{name}.table"] = np.clip(np.round(table / scale), -127, 127).astype(np.int8)
        self.add(f"{name}.scale", scale)

    def add(self, name: str, numbers: NDArray[np.float32] | list[float] | float) -> None:
        """Full-precision numbers; one number becomes an array of one."""
        self.arrays[name] = np.atleast_1d(np.asarray(numbers, dtype=np.float32))


def write_package(package: Package, path: Path) -> None:
    """Replaces the file and, after it, ``.sha256`` beside it."""
    header: dict[str, object] = {"__metadata__": package.texts}
    blocks: list[bytes] = []
    end = 0
    # Widest numbers first, so that every array starts on a multiple of its own width.
    for name, array in sorted(package.arrays.items(), key=lambda one: -one[1].itemsize):
        block = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [end, end + len(block)],
        }
        blocks.append(block)
        end += len(block)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    content = b"".join([len(text).to_bytes(8, "little"), text, *blocks])
    _replace(path, content)
    digest = hashlib.sha256(content).hexdigest()
    _replace(path.with_suffix(".sha256"), f"{digest}  {path.name}\n".encode())


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)
