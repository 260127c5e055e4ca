"""The shared text: which files may be trained on, under which licences, and how to read them.

Only files listed here are ever opened for training; test, validation and held-out files are not in
the list, and a record under any other licence is an error rather than something to skip.
"""

import hashlib
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["LICENCES", "TRAIN_FILES", "Record", "default_folder", "file_digest", "read_records"]

# Permissive licences only: their text may be redistributed as weights with attribution.
LICENCES = frozenset(
    {
        "Apache-2.0",
        "Apache-2.0 WITH Swift-exception",
        "BSD-3-Clause",
        "CC-BY-3.0",
        "CC-BY-4.0",
        "CC0-1.0 OR LicenseRef-Public-Domain",
        "MIT",
        "MIT OR Apache-2.0",
        "PSF-2.0",
        "PostgreSQL",
    }
)

DOCUMENT_FILES = ("docs-python", "docs-cloud", "docs-systems", "tldr-en")
INTENT_FILES = ("clinc150-train", "banking77-train")
SLOT_FILES = ("restaurant8k-train", "nluplusplus-train")
TRAIN_FILES = (*DOCUMENT_FILES, *INTENT_FILES, *SLOT_FILES)


class LicenceRefused(ValueError):
    """A record carries a licence that the weights must not inherit."""


class FileRefused(ValueError):
    """A file is not among those that may be trained on."""


class Slot(msgspec.Struct, frozen=True):
    """A marked span of an utterance."""

    slot: str
    value: str


class Record(msgspec.Struct, frozen=True):
    """One line of a shared file, reduced to the fields that training uses."""

    source: str
    licence: str
    text: str = ""
    label: str = ""
    slots: tuple[Slot, ...] = ()


def default_folder() -> Path:
    """`../shared/data`, seen from the root of the repository."""
    return Path(__file__).resolve().parents[2].parent / "shared" / "data"


def parse_record(line: str | bytes) -> Record:
    """A record, if its licence is allowed."""
    fields: dict[str, Any] = json.loads(line)
    record = msgspec.convert(fields, Record)
    if record.licence not in LICENCES:
        raise LicenceRefused(f"{record.source}: {record.licence} is not on the whitelist")
    return record


def _path(folder: Path, name: str) -> Path:
    if name not in TRAIN_FILES:
        raise FileRefused(f"{name} is not a training file")
    return folder / f"{name}.jsonl.xz"


def read_records(folder: Path, name: str) -> Iterator[Record]:
    """The records of one training file."""
    with lzma.open(_path(folder, name), "rb") as lines:
        for line in lines:
            yield parse_record(line)


def file_digest(folder: Path, name: str) -> str:
    """The sha256 of the compressed file, as the manifest states it."""
    return hashlib.sha256(_path(folder, name).read_bytes()).hexdigest()
