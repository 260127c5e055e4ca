"""Writes the fitted vectors as signed bytes with one weight a piece: ``embed-v1.safetensors``.

A row's largest number takes all 127 steps, and its weight says how much one step is. The file is
written beside its checksum and replaces the old one at once.
"""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kilonova.engines.static.vectors import WEIGHT_MAX

__all__ = ["WEIGHTS", "export"]

WEIGHTS = Path(__file__).resolve().parents[2] / "src/kilonova/catalog/weights/embed-v1.safetensors"
_STEPS = 127
_OFFSET = 128


def export(run: Path, *, to: Path = WEIGHTS) -> None:
    """From ``table.npy`` and ``pieces.json``."""
    table = np.load(run / "table.npy").astype(np.float64)
    pieces = json.loads((run / "pieces.json").read_text(encoding="utf-8"))
    content = encode(table, pieces)
    draft = to.with_suffix(".draft")
    draft.write_bytes(content)
    draft.replace(to)
    digest = hashlib.sha256(content).hexdigest()
    to.with_suffix(".sha256").write_text(f"{digest}  {to.name}\n", encoding="utf-8")


def encode(table: NDArray[np.float64], pieces: list[str]) -> bytes:
    """The bytes of the file."""
    longest = np.abs(table).max(axis=1)
    step = longest.max() / _STEPS / WEIGHT_MAX
    # Rounded up, so that no value of a row needs more than its bytes can say.
    weights = np.minimum(np.ceil(longest / _STEPS / step), WEIGHT_MAX).clip(min=1)
    rows = np.rint(table / (weights * step)[:, None]).clip(-_STEPS, _STEPS) + _OFFSET
    parts = {
        "rows": ("U8", rows.shape, rows.astype(np.uint8).tobytes()),
        "weights": ("U16", weights.shape, weights.astype("<u2").tobytes()),
        "pieces": ("U8", (len("\n".join(pieces).encode()),), "\n".join(pieces).encode()),
    }
    return _safetensors(parts, {"unit": repr(float(step)), "format": "static-v1"})


def _safetensors(
    parts: dict[str, tuple[str, tuple[int, ...], bytes]], metadata: dict[str, str]
) -> bytes:
    header: dict[str, Any] = {"__metadata__": metadata}
    at = 0
    for name, (dtype, shape, content) in parts.items():
        offsets = (at, at + len(content))
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        at = offsets[1]
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(part[2] for part in parts.values())
