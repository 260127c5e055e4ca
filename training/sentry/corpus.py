"""The shared text: what may be learned from, what only measures, and under which licences.

Learning and measuring read through different functions, so that a test file cannot slip into
training; a record under any other licence is an error rather than something to skip.
"""

import hashlib
import json
import lzma
from collections.abc import Iterator
from pathlib import Path

import msgspec

__all__ = [
    "EVALUATION_FILES",
    "LICENCES",
    "TRAINING_FILES",
    "VALIDATION_FILES",
    "FileRefused",
    "LicenceRefused",
    "Record",
    "default_folder",
    "file_digests",
    "is_held_back",
    "read_evaluation",
    "read_training",
    "read_validation",
]

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
TRAINING_FILES = (
    "lingua-train",
    "tldr-other",
    "tldr-en",
    "clinc150-train",
    "banking77-train",
    "restaurant8k-train",
    "gsm8k-train",
    "docs-python",
    "docs-cloud",
    "docs-systems",
)
VALIDATION_FILES = ("clinc150-val",)
EVALUATION_FILES = (
    "lingua-test",
    "clinc150-test",
    "banking77-test",
    "gsm8k-test",
    "restaurant8k-test",
    "docs-heldout",
)


class LicenceRefused(ValueError):
    """A record carries a licence that the weights must not inherit."""


class FileRefused(ValueError):
    """A file is not among those that this use is allowed."""


class Record(msgspec.Struct, frozen=True):
    """One line of a shared file, reduced to the fields that the recipe uses."""

    source: str
    licence: str
    text: str = ""
    prompt: str = ""
    answer: str = ""
    label: str = ""
    kind: str = ""


def default_folder() -> Path:
    """`../shared/data`, seen from the root of the repository."""
    return Path(__file__).resolve().parents[2].parent / "shared" / "data"


def read_training(folder: Path, name: str) -> Iterator[Record]:
    """The records of a file that may be learned from."""
    return _records(folder, name, TRAINING_FILES)


def read_validation(folder: Path, name: str) -> Iterator[Record]:
    """The records of a file on which thresholds are set."""
    return _records(folder, name, VALIDATION_FILES)


def read_evaluation(folder: Path, name: str) -> Iterator[Record]:
    """The records of a file that only measures."""
    return _records(folder, name, EVALUATION_FILES)


def is_held_back(text: str) -> bool:
    """One record in ten of a training file is left out of the fit, by the hash of its text."""
    return hashlib.sha256(text.encode()).digest()[1] < 26


def file_digests(folder: Path) -> dict[str, str]:
    """The sha256 of each compressed file that was learned from, as the manifest states it."""
    return {
        name: hashlib.sha256((folder / f"{name}.jsonl.xz").read_bytes()).hexdigest()
        for name in (*TRAINING_FILES, *VALIDATION_FILES)
    }


def parse_record(line: str | bytes) -> Record:
    """A record, if its licence is allowed."""
    record = msgspec.convert(json.loads(line), Record)
    if record.licence not in LICENCES:
        raise LicenceRefused(f"{record.source}: {record.licence} is not on the whitelist")
    return record


def _records(folder: Path, name: str, allowed: tuple[str, ...]) -> Iterator[Record]:
    if name not in allowed:
        raise FileRefused(f"{name} is not among {', '.join(allowed)}")
    with lzma.open(folder / f"{name}.jsonl.xz", "rb") as lines:
        for line in lines:
            yield parse_record(line)
