"""The shared text of this recipe: which files, which licences, and which part each page is in.

``open_training`` opens training files alone; ``open_evaluation`` those that only the frozen sets
are made from. Banking77 is not trained on: it shows what the vectors are worth on another set.
"""

import hashlib
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from embeddings.recipe import Split
from structure.corpus import LICENCES

__all__ = [
    "DOCUMENTS", "EVALUATION", "INTENTS", "PAGES", "TRAINING", "Example", "FileRefused", "Part",
    "Record", "digest", "document_part", "open_evaluation", "open_training", "page_part",
]  # fmt: skip

Part = Literal["train", "development", "test"]

DOCUMENTS = ("docs-python", "docs-cloud", "docs-systems")
PAGES = "tldr-en"
INTENTS = ("clinc150-train", "nluplusplus-train")
TRAINING = (*DOCUMENTS, PAGES, *INTENTS)
EVALUATION = ("docs-heldout", "banking77-train", "banking77-test", "clinc150-val")


class FileRefused(ValueError):
    """The file is not one that may be opened for this purpose."""


class LicenceRefused(ValueError):
    """A record carries a licence that the weights must not inherit."""


class Example(Struct, frozen=True):
    task: str
    command: str


class Record(Struct, frozen=True):
    """One line of a shared file, reduced to the fields that are used here."""

    text: str
    source: str
    licence: str
    path: str = ""
    label: str = ""
    intents: tuple[str, ...] = ()
    command: str = ""
    platform: str = ""
    examples: tuple[Example, ...] = ()


def open_training(folder: Path, name: str) -> Iterator[Record]:
    """The records of a training file. Raises FileRefused for any other."""
    if name not in TRAINING:
        raise FileRefused(f"{name} is not a training file of this recipe")
    return _records(folder / f"{name}.jsonl.xz")


def open_evaluation(folder: Path, name: str) -> Iterator[Record]:
    """The records of a file that frozen sets are made from. Raises FileRefused for any other."""
    if name not in EVALUATION:
        raise FileRefused(f"{name} is not a file that sets are made from")
    return _records(folder / f"{name}.jsonl.xz")


def _records(path: Path) -> Iterator[Record]:
    with lzma.open(path, "rb") as lines:
        for line in lines:
            record = msgspec.convert(json.loads(line), Record)
            if record.licence not in LICENCES:
                raise LicenceRefused(f"{record.source}: {record.licence} is not on the whitelist")
            yield record


def digest(folder: Path, name: str) -> str:
    """The sha256 of the compressed file, as the manifest states it."""
    return hashlib.sha256((folder / f"{name}.jsonl.xz").read_bytes()).hexdigest()


def page_part(record: Record, split: Split) -> Part:
    """By the command's name, so that its pages for several systems stay together."""
    bucket = _bucket(record.command, split.tldr_of)
    return "test" if bucket == 0 else "development" if bucket == 1 else "train"


def document_part(record: Record, split: Split) -> Part:
    """Whole documents. The test is a file of its own, ``docs-heldout``."""
    is_held = _bucket(f"{record.source}|{record.path}|sections", split.documents_of) == 1
    return "development" if is_held else "train"


def _bucket(name: str, of: int) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % of
