"""The frozen sets: texts to find, and questions that each have one right place or label.

``sets/`` holds the test sets as they were made once; ``development`` makes the ones that dials are
chosen by, from other pages and documents. Nothing of either is trained on.
"""

import hashlib
import lzma
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from embeddings.corpus import (
    DOCUMENTS,
    PAGES,
    Part,
    Record,
    document_part,
    open_evaluation,
    open_training,
    page_part,
)
from embeddings.pairs import page_without
from embeddings.recipe import Recipe
from embeddings.sections import sections

__all__ = ["FOLDER", "Question", "TestSet", "Text", "development", "load_set", "make_sets", "write"]

FOLDER = Path(__file__).with_name("sets")
_SECTIONS_PER_DOCUMENT = 6
_SECTIONS_MAX = 900
_SECTION_CHARS = 1_000
_UTTERANCES_PER_LABEL = 30


class Text(Struct, frozen=True):
    """``answers`` is what a question must name for this text to be right."""

    text: str
    answers: str
    source: str
    licence: str


class Question(Struct, frozen=True):
    text: str
    answers: str


class TestSet(Struct, frozen=True):
    """``texts`` are searched for each question."""

    name: str
    texts: tuple[Text, ...]
    questions: tuple[Question, ...]

    __test__ = False  # not a class of tests


def make_sets(folder: Path, recipe: Recipe) -> tuple[TestSet, ...]:
    """The test sets, from files and pages that are not trained on."""
    held = open_evaluation(folder, "docs-heldout")
    seen = _paragraphs_of_training(folder, recipe)
    return (
        _pages("tldr-task-to-page", folder, recipe, part="test"),
        _sections("docs-heading-to-section", held, is_seen=seen.__contains__),
        _intents(folder),
    )


def development(folder: Path, recipe: Recipe) -> tuple[TestSet, ...]:
    """What dials are chosen by."""
    held = (
        record
        for name in DOCUMENTS
        for record in open_training(folder, name)
        if document_part(record, recipe.split) == "development"
    )
    return (
        _pages("pages", folder, recipe, part="development"),
        _sections("sections", held, is_seen=lambda _: False),
    )


def _pages(name: str, folder: Path, recipe: Recipe, *, part: Part) -> TestSet:
    """One task of each page, to be found in the page without it."""
    texts: dict[str, Text] = {}
    questions: dict[str, Question] = {}
    for record in open_training(folder, PAGES):
        command = record.command
        if page_part(record, recipe.split) != part or command in texts or len(record.examples) < 3:
            continue
        chosen = record.examples[_order(command) % len(record.examples)].task
        text = page_without(record, chosen)
        texts[command] = Text(text, command, record.source, record.licence)
        questions[command] = Question(chosen, command)
    return TestSet(name, tuple(texts.values()), tuple(questions.values()))


def _sections(name: str, records: Iterator[Record], *, is_seen: Callable[[str], bool]) -> TestSet:
    """A heading of three words or more, to be found in the text that stood below it."""
    texts: dict[str, Text] = {}
    for record in records:
        found = [
            section
            for section in sections(record.text)
            if len(section.heading.split()) >= 3 and section.heading.lower() not in texts
            and not any(is_seen(one) for one in _paragraphs(section.body))
        ]  # fmt: skip
        found.sort(key=lambda section: _order(section.heading))
        for section in found[:_SECTIONS_PER_DOCUMENT]:
            heading = section.heading.lower()
            body = section.body[:_SECTION_CHARS]
            texts[heading] = Text(body, section.heading, record.source, record.licence)
    kept = sorted(texts.values(), key=lambda text: _order(text.answers))[:_SECTIONS_MAX]
    return TestSet(name, tuple(kept), tuple(Question(one.answers, one.answers) for one in kept))


def _intents(folder: Path) -> TestSet:
    """An utterance, whose nearest neighbour among labelled ones should have its label."""
    by_label: dict[str, list[Record]] = defaultdict(list)
    for record in open_evaluation(folder, "banking77-train"):
        by_label[record.label].append(record)
    texts = [
        Text(record.text, label, record.source, record.licence)
        for label in sorted(by_label)
        for record in sorted(by_label[label], key=lambda one: _order(one.text))[
            :_UTTERANCES_PER_LABEL
        ]
    ]
    asked = open_evaluation(folder, "banking77-test")
    questions = tuple(Question(record.text, record.label) for record in asked)
    return TestSet("banking77-nearest-label", tuple(texts), questions)


def _order(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _paragraphs(body: str) -> list[str]:
    blocks = (" ".join(block.split()).lower() for block in body.split("\n\n"))
    return [block for block in blocks if len(block) >= 40]


def _paragraphs_of_training(folder: Path, recipe: Recipe) -> set[str]:
    return {
        paragraph
        for name in DOCUMENTS
        for record in open_training(folder, name)
        if document_part(record, recipe.split) == "train"
        for paragraph in _paragraphs(record.text)
    }


def write(sets: tuple[TestSet, ...]) -> None:
    """One compressed file a set: the texts, then the questions."""
    FOLDER.mkdir(exist_ok=True)
    for one in sets:
        lines = [msgspec.json.encode({"text": text}) for text in one.texts]
        lines += [msgspec.json.encode({"question": question}) for question in one.questions]
        packed = lzma.compress(b"\n".join(lines) + b"\n", preset=9)
        (FOLDER / f"{one.name}.jsonl.xz").write_bytes(packed)


class _Line(Struct, frozen=True):
    text: Text | None = None
    question: Question | None = None


def load_set(name: str) -> TestSet:
    """A frozen set, as it is in the repository."""
    packed = (FOLDER / f"{name}.jsonl.xz").read_bytes()
    lines = [msgspec.json.decode(line, type=_Line) for line in lzma.decompress(packed).splitlines()]
    return TestSet(
        name,
        tuple(line.text for line in lines if line.text is not None),
        tuple(line.question for line in lines if line.question is not None),
    )
