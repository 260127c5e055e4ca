"""What training may see and what only the evaluation sees must never meet."""

import pytest

from structure.generators.draw import Draw, Split, part, pool, verb_phrases
from structure.generators.toolsmith import make_tool

_POOLS = (
    "given_names",
    "family_names",
    "cities",
    "adjectives",
    "objects",
    "companies",
    "topics",
    "sentences",
    "nouns",
)


@pytest.mark.parametrize("name", _POOLS)
def test_word_pools_are_divided(name: str) -> None:
    """Both parts hold words and share none."""
    train, heldout = set(pool(name, Split.TRAIN)), set(pool(name, Split.HELDOUT))
    assert train
    assert heldout
    assert not train & heldout


def test_verbs_are_divided() -> None:
    """Held-out verbs never name a training tool."""
    train = {verb for verb, _ in verb_phrases(Split.TRAIN)}
    heldout = {verb for verb, _ in verb_phrases(Split.HELDOUT)}
    assert len(heldout) >= 5
    assert not train & heldout


def test_templates_are_divided() -> None:
    """A fixed list of phrases falls into two disjoint parts that together are the list."""
    phrases = [f"phrase {number}" for number in range(80)]
    train, heldout = part(phrases, Split.TRAIN), part(phrases, Split.HELDOUT)
    assert not set(train) & set(heldout)
    assert sorted((*train, *heldout)) == sorted(phrases)


def test_built_tools_use_only_their_part() -> None:
    """A tool that is built for training has neither a held-out verb nor a held-out noun."""
    heldout = {verb for verb, _ in verb_phrases(Split.HELDOUT)} | set(pool("nouns", Split.HELDOUT))
    for seed in range(200):
        name = make_tool(Draw(seed, Split.TRAIN), style="snake").tool.name
        assert not heldout & set(name.split("_"))


def test_words_of_real_text_are_divided() -> None:
    """Protects the claim "unseen words": of the text's words too, training draws its part alone."""
    words = [f"word{number}" for number in range(200)]
    draw = Draw("words", Split.TRAIN, words=words)
    drawn = {draw.any_word("objects") for _ in range(2_000)}
    assert drawn & set(words)
    assert drawn & set(words) <= set(part(words, Split.TRAIN))
    assert drawn & set(pool("objects", Split.TRAIN))
    assert not drawn & set(pool("objects", Split.HELDOUT))
