"""The frozen test sets of this recipe, as they lie in ``sets/``. Written once; then only read."""

import hashlib
import tomllib
from pathlib import Path

import msgspec

from sentry.personal import Marked, make_set

__all__ = [
    "read_calm",
    "read_heldout",
    "read_personal",
    "set_digests",
    "write_sets",
]

_FOLDER = Path(__file__).with_name("sets")
_PERSONAL_SET = _FOLDER / "pii-1.jsonl"
# Written before the head that they measure was fitted, and scored once: attacks by family, and calm
# sentences of which many speak of rules and secrets. The sets before them are learned.
_HELDOUT_SET = _FOLDER / "heldout-3.toml"
_CALM_SET = _FOLDER / "calm-3.txt"
_PERSONAL_EACH = 100
_PERSONAL_SEED = 7_193_004  # not the one under which the detector was written


def write_sets() -> None:
    """Makes PII-1 where it is not there yet: a frozen set is not made again."""
    _FOLDER.mkdir(exist_ok=True)
    if not _PERSONAL_SET.exists():
        lines = map(msgspec.json.encode, make_set(_PERSONAL_EACH, _PERSONAL_SEED))
        _PERSONAL_SET.write_bytes(b"".join(line + b"\n" for line in lines))


def set_digests() -> dict[str, str]:
    """The sha256 of each frozen file."""
    files = [file for file in (_PERSONAL_SET, _HELDOUT_SET, _CALM_SET) if file.exists()]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def read_heldout() -> dict[str, list[str]]:
    """The families that are measured only: every sentence stands as it was written."""
    families: dict[str, dict[str, list[str]]] = tomllib.loads(
        _HELDOUT_SET.read_text(encoding="utf-8")
    )
    return families["heldout"]


def read_personal() -> list[Marked]:
    """PII-1."""
    return [
        msgspec.json.decode(line, type=Marked) for line in _PERSONAL_SET.read_bytes().splitlines()
    ]


def read_calm() -> list[str]:
    """CALM-3."""
    return _CALM_SET.read_text(encoding="utf-8").splitlines()
