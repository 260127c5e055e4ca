"""The frozen sets are the ones that were frozen, and training has never said their requests."""

import json
from pathlib import Path

import pytest

from structure.conversation import Conversation, Role, Turn
from structure.frozen import (
    CHECKED_CONVERSATIONS,
    CHECKED_SEED,
    SETS,
    SetsChanged,
    developed,
    frozen,
    training_requests,
    unspent,
)
from structure.items import Item, read_items, write_items


@pytest.fixture(scope="module")
def sets() -> dict[str, list[Item]]:
    return frozen()


def test_the_sets_are_the_frozen_ones(sets: dict[str, list[Item]]) -> None:
    """Protects every published figure: sizes and sha256 of all sets are those of the manifest."""
    manifest = json.loads((SETS / "MANIFEST.json").read_text(encoding="utf-8"))["sets"]
    assert {name: len(items) for name, items in sets.items()} == {
        name: entry["items"] for name, entry in manifest.items()
    }
    assert {"ht1", "ht2", "nt1", "nt2", "ex1", "ex2", "norm1", "norm2"} <= set(sets)
    assert len(sets["ht1"]) == len(sets["ex1"]) == 1_000
    for items in sets.values():
        assert len({item.id for item in items}) == len(items)


def test_training_never_says_a_frozen_request(sets: dict[str, list[Item]]) -> None:
    """Protects the claim "unseen": by chance the generators say next to nothing of the sets, and
    what they say is left out of the mixture."""
    asked = {item.request for items in sets.values() for item in items}
    said = training_requests(CHECKED_CONVERSATIONS, seed=CHECKED_SEED)
    assert len(said & {" ".join(text.lower().split()) for text in asked}) <= 2
    spent = [Conversation("any", (Turn(Role.USER, text.upper()),)) for text in asked]
    fresh = Conversation("any", (Turn(Role.USER, "nobody froze this"),))
    assert unspent([*spent, fresh]) == [fresh]


def test_a_changed_set_is_refused(tmp_path: Path) -> None:
    """Protects against quiet repairs: a file that is not the frozen one stops the evaluation."""
    with pytest.raises(SetsChanged, match="run `freeze` first"):
        frozen(tmp_path)
    item = Item(id="a", messages=({"role": "user", "content": "hi"},), answer="hello")
    write_items([item], tmp_path / "x.jsonl.xz")
    assert read_items(tmp_path / "x.jsonl.xz") == [item]
    entry = {"file": "x.jsonl.xz", "items": 1, "sha256": "0" * 64}
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"seed": 1, "sets": {"x": entry}}))
    with pytest.raises(SetsChanged, match=r"x\.jsonl\.xz has the sha256"):
        frozen(tmp_path)


def test_a_quick_look_leaves_the_frozen_sets_unseen(tmp_path: Path) -> None:
    """Protects the final figures: looks during training get other requests, from the same tasks."""
    found = developed(12, data=tmp_path)
    assert "ht2" not in found
    assert {len(items) for name, items in found.items() if name != "handwritten"} <= {12, 13}
    looked_at = {item.request for name, items in found.items() for item in items}
    kept = {item.request for path in SETS.glob("*.jsonl.xz") for item in read_items(path)}
    assert looked_at & kept == set()
