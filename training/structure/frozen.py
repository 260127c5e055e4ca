"""The frozen test sets: made once from the held-out half of the generators, then only read.

`freeze` writes `sets/*.jsonl.xz` and `sets/MANIFEST.json` with the sha256 of every set, those
written by hand included; reading checks it. A look during training uses fresh items of another seed
instead, so that nobody sees the frozen ones before the end.
"""

import hashlib
import json
import lzma
import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import msgspec

from structure.conversation import Conversation, Role
from structure.generators.chat import make_chat
from structure.generators.copying import make_copying
from structure.generators.draw import Draw, Split
from structure.generators.extraction import make_extraction
from structure.generators.labels import make_label, make_title
from structure.generators.normalisation import make_normalisation
from structure.generators.reading import make_reading
from structure.generators.tool_calls import make_tool_calls
from structure.items import Item, item_of, read_items, write_items
from structure.progress import report
from structure.suites import Maker, handwritten, items

__all__ = [
    "CHECKED_CONVERSATIONS",
    "CHECKED_SEED",
    "SETS",
    "SetsChanged",
    "developed",
    "freeze",
    "frozen",
    "training_requests",
    "unspent",
]

SETS = Path(__file__).with_name("sets")
_MANIFEST = "MANIFEST.json"
_GUARD_CONVERSATIONS = 20_000
CHECKED_CONVERSATIONS, CHECKED_SEED = 2_000, "overlap test"

# Set → suites of the generators with the number of items from each, and what the items are "why".
_PARTS: dict[str, dict[str, int]] = {
    "ht1": {"calls": 900, "two_calls": 100},
    "ht3": {"everyday": 400},
    "nt1": {"declines": 150, "questions": 150},
    "ex1": {"extraction": 1000},
    "norm1": {"normalisation": 500},
    "span1": {"reading": 300},
    "results1": {"results": 300},
    "labels2": {"labels": 200},
    "titles1": {"titles": 200},
    "echo1": {"echo": 200},
}
_WHY = {"declines": "no_tool", "questions": "missing"}
_QUESTION = re.compile(r"Which (.+) should I use\?")
_TITLE_WORDS_MAX = 6
_LABELS, _LABEL_ITEMS = "labels1", 300
_LABEL_FILES = {"frozen": "clinc150-test", "dev": "clinc150-val"}
_NOTICES = {
    _LABELS: "Utterances of CLINC150 (test): Larson et al., An Evaluation Dataset for Intent "
    "Classification and Out-of-Scope Prediction, EMNLP-IJCNLP 2019, Clinc, CC BY 3.0, changed: "
    "a question and labels were put around them."
}
_LABEL_ASKS = (
    "Which of these labels fits the message best?\nLabels: {labels}\nMessage: {text}\nLabel:",
    "Sort this message into one of the folders {labels}. Answer with the folder only.\n\n{text}",
    "{text}\n\nWhat is this about? Pick one: {labels}",
    "Intents: {labels}.\nUtterance: {text}\nReply with the intent.",
)
_HANDWRITTEN = ("ht2", "nt2", "ex2", "norm2", "chat2")
_TRAINING_MAKERS: tuple[Maker, ...] = (
    make_tool_calls,
    make_extraction,
    make_normalisation,
    make_reading,
    make_label,
    make_title,
    make_chat,
    make_copying,
)


class SetsChanged(ValueError):
    """A frozen file is missing or is not the one that was frozen."""


class _Frozen(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the manifest; `notice` is the attribution that real utterances ask for."""

    file: str
    items: int
    sha256: str
    notice: str = ""


class _Manifest(msgspec.Struct, frozen=True):
    """Which sets there are, and from which seed the generated ones came."""

    seed: int
    sets: dict[str, _Frozen]


def _normalised(text: str) -> str:
    return " ".join(text.lower().split())


def training_requests(
    count: int, *, seed: str, makers: Sequence[Maker] = _TRAINING_MAKERS
) -> set[str]:
    """What users say in freshly generated training conversations."""
    said = set()
    for number in range(count):
        make = makers[number % len(makers)]
        turns = make(Draw(f"{seed}/{number}", Split.TRAIN)).turns
        said |= {_normalised(turn.content) for turn in turns if turn.role is Role.USER}
    return said


@cache
def _asked() -> frozenset[str]:
    return frozenset(_normalised(item.request) for items in frozen().values() for item in items)


def unspent(conversations: Sequence[Conversation]) -> list[Conversation]:
    """Those that say no frozen request, which a short one, such as a time of day, may by chance."""
    return [
        conversation
        for conversation in conversations
        if not any(
            turn.role is Role.USER and _normalised(turn.content) in _asked()
            for turn in conversation.turns
        )
    ]


def _label_records(data: Path, name: str) -> list[tuple[str, str]]:
    """Text and label of an evaluation file, which training code may not open."""
    with lzma.open(data / f"{name}.jsonl.xz", "rb") as lines:
        records = [json.loads(line) for line in lines]
    return [(item["text"], item["label"]) for item in records if item["label"] != "oos"]


def _label_items(data: Path, kind: str, count: int, *, seed: int | str) -> Iterator[Item]:
    """Real utterances with two to six labels to choose from, one of them right."""
    records = _label_records(data, _LABEL_FILES[kind])
    names = sorted({label for _, label in records})
    choice = random.Random(f"labels/{seed}")
    for number, (text, label) in enumerate(choice.sample(records, count)):
        others = choice.sample([name for name in names if name != label], choice.randint(1, 5))
        shown = choice.sample([label, *others], len(others) + 1)
        ask = _LABEL_ASKS[number % len(_LABEL_ASKS)]
        request = ask.format(labels=", ".join(shown), text=text)
        message = {"role": "user", "content": request}
        name = f"{_LABELS}-{number:04}"
        yield Item(id=name, messages=(message,), answer=label, choices=tuple(shown))


def _told(item: Item, reference: str) -> Item:
    """What the reference says of a right answer that may be worded otherwise."""
    asked_for = _QUESTION.fullmatch(reference)
    if asked_for is not None:
        return msgspec.structs.replace(item, missing=asked_for[1])
    if item.id.startswith("titles"):
        words = tuple(word for word in reference.split() if len(word) > 3) or (reference,)
        return msgspec.structs.replace(item, about=words, words_max=_TITLE_WORDS_MAX)
    return item


def _generated(name: str, share: float, *, seed: int | str, barred: set[str]) -> Iterator[Item]:
    """Items of one set with requests that occur neither twice nor in training."""
    seen = set(barred)
    number = 0
    for suite, count in _PARTS[name].items():
        wanted = max(1, round(count * share))
        for conversation in items(suite, 3 * wanted + 40, seed=seed):
            item = item_of(conversation, f"{name}-{number:04}", why=_WHY.get(suite, ""))
            item = _told(item, conversation.turns[-1].content)
            if wanted and (text := _normalised(item.request)) not in seen:
                seen.add(text)
                wanted -= 1
                number += 1
                yield item
        if wanted:
            raise ValueError(f"{name}: {suite} has too few different held-out requests")


def _written(path: Path, count: int, *, notice: str = "") -> _Frozen:
    return _Frozen(path.name, count, hashlib.sha256(path.read_bytes()).hexdigest(), notice)


def freeze(data: Path, *, seed: int, folder: Path = SETS) -> None:
    """Write the generated sets and the manifest; once. Raises SetsChanged where there is one."""
    manifest = folder / _MANIFEST
    if manifest.exists():
        raise SetsChanged(f"{manifest.name} exists: remove it first if the sets may be made anew")
    folder.mkdir(parents=True, exist_ok=True)
    barred = training_requests(_GUARD_CONVERSATIONS, seed=f"guard/{seed}")
    # There are not that many times of day: what can be said by chance is left out, as far as can
    # be drawn in a minute, and so is all that the test of this property will draw.
    barred |= training_requests(CHECKED_CONVERSATIONS, seed=CHECKED_SEED)
    narrow = (make_normalisation,)
    barred |= training_requests(3 * _GUARD_CONVERSATIONS, seed=f"narrow/{seed}", makers=narrow)
    found: dict[str, _Frozen] = {}
    for name in (*_PARTS, _LABELS):
        made = (
            _label_items(data, "frozen", _LABEL_ITEMS, seed=seed)
            if name == _LABELS
            else _generated(name, 1.0, seed=seed, barred=barred)
        )
        path = folder / f"{name}.jsonl.xz"
        listed = list(made)
        write_items(listed, path)
        found[name] = _written(path, len(listed), notice=_NOTICES.get(name, ""))
        report(f"{path.name}: {len(listed)} items, {path.stat().st_size:,} bytes")
    for name in _HANDWRITTEN:
        path = folder / f"{name}.jsonl"
        found[name] = _written(path, len(read_items(path)))
    encoded = msgspec.json.encode(_Manifest(seed, found))
    manifest.write_bytes(msgspec.json.format(encoded, indent=1) + b"\n")


def frozen(folder: Path = SETS) -> dict[str, list[Item]]:
    """Every frozen set. Raises SetsChanged where one is not the file of the manifest."""
    path = folder / _MANIFEST
    if not path.exists():
        raise SetsChanged(f"there are no frozen sets in {folder.name}/: run `freeze` first")
    manifest = msgspec.json.decode(path.read_bytes(), type=_Manifest)
    for entry in manifest.sets.values():
        digest = hashlib.sha256((folder / entry.file).read_bytes()).hexdigest()
        if digest != entry.sha256:
            raise SetsChanged(f"{entry.file} has the sha256 {digest}, not the frozen one")
    return {name: read_items(folder / entry.file) for name, entry in manifest.sets.items()}


def developed(count: int, *, data: Path, seed: str = "dev") -> dict[str, list[Item]]:
    """About as many fresh items of every generated set, for looks during training; none frozen."""
    kept = {_normalised(item.request) for path in SETS.glob("*.xz") for item in read_items(path)}
    found = {}
    for name, parts in _PARTS.items():
        share = count / sum(parts.values())
        found[name] = list(_generated(name, share, seed=seed, barred=kept))
    if (data / f"{_LABEL_FILES['dev']}.jsonl.xz").exists():
        found[_LABELS] = list(_label_items(data, "dev", count, seed=seed))
    seen = _conversation_items(handwritten(), "handwritten")
    return found | {"handwritten": seen}


def _conversation_items(conversations: Sequence[Conversation], name: str) -> list[Item]:
    return [item_of(item, f"{name}-{number:03}") for number, item in enumerate(conversations)]
