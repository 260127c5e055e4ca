"""Sentry's recipe: what is learned from, that sets stay frozen, that the file is the card's."""

import json
from pathlib import Path

import pytest

from kilonova.catalog.catalog import PACKAGED_WEIGHTS
from kilonova.guardrails.personal_data import find_personal_data
from kilonova.guardrails.sentry import Sentry
from sentry.attacks import SPENT_PREFIXES, benign_sentences, learned_families, train_families
from sentry.baselines import WordVotes, keyword_alarm, patterns_alone
from sentry.card import render
from sentry.corpus import (
    EVALUATION_FILES,
    TRAINING_FILES,
    VALIDATION_FILES,
    FileRefused,
    LicenceRefused,
    parse_record,
    read_training,
)
from sentry.personal import make_set
from sentry.recipe import read_recipe
from sentry.samples import Labelled
from sentry.sets import read_calm, read_heldout, read_personal, set_digests

CARD = json.loads((PACKAGED_WEIGHTS / "sentry-v1.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [*EVALUATION_FILES, *VALIDATION_FILES])
def test_no_test_file_is_learned_from(name: str) -> None:
    """Protects the figures: the reader of training text refuses what measures."""
    assert name not in TRAINING_FILES
    with pytest.raises(FileRefused):
        next(read_training(Path(), name))


def test_licences_are_permissive() -> None:
    """Protects the weights from ShareAlike and NonCommercial text."""
    with pytest.raises(LicenceRefused, match="CC-BY-SA-4.0"):
        parse_record('{"source": "x", "licence": "CC-BY-SA-4.0", "text": "y"}')


def test_held_out_sentences_are_not_among_the_learned() -> None:
    """Protects the recall figure: no sentence of the blind sets is learned."""
    sentences = {text for texts in train_families(30, 1).values() for text in texts}
    sentences |= set(benign_sentences(30, 1))
    assert sentences.isdisjoint(text for texts in read_heldout().values() for text in texts)
    assert sentences.isdisjoint(read_calm())


def test_templates_are_filled_whole() -> None:
    """Protects training from brackets and braces: the same seed gives the same whole sentences."""
    drawn = train_families(40, 7)
    assert drawn == train_families(40, 7)
    texts = [text for some in drawn.values() for text in some] + benign_sentences(20, 7)
    assert not [text for text in texts if "{rules}" in text or "{bad}" in text or "[any" in text]


def test_families_are_many_and_have_a_calm_half() -> None:
    """Protects the head from learning words for attacks: each later family has both halves."""
    later = [one for one in learned_families() if not one.name.startswith(SPENT_PREFIXES)]
    assert len(later) >= 100
    assert min(len(one.calm) for one in later) >= 4
    calm_only = [one for one in later if not one.attacks]
    assert len(calm_only) >= 9
    assert min(len(one.attacks) for one in later if one not in calm_only) >= 5


def test_the_personal_set_is_frozen_and_true() -> None:
    """Protects PII-1: its bytes do not change, and its marks lie where they say."""
    assert set_digests() == CARD["sets_sha256"]
    marked = read_personal()
    assert sum(bool(one.marks) for one in marked) * 2 == len(marked) == 1600
    for one in marked:
        for mark in one.marks:
            assert one.text[mark.start : mark.end] == one.text[mark.start : mark.end].strip()
            assert mark.end > mark.start


def test_another_draw_is_found_as_well() -> None:
    """Protects against a detector that fits one set: fresh sentences, F1 at least 0.97."""
    right = wrong = missed = 0
    for one in make_set(20, 99):
        wanted = {(mark.kind, mark.start, mark.end) for mark in one.marks}
        found = {(span.kind, span.start, span.end) for span in find_personal_data(one.text)}
        right += len(wanted & found)
        wrong += len(found - wanted)
        missed += len(wanted - found)
    assert 2 * right / (2 * right + wrong + missed) >= 0.97


def test_baselines_can_do_something() -> None:
    """Protects the comparison from a straw man that never answers."""
    votes = WordVotes([Labelled("red fish", "a"), Labelled("blue sky", "b")])
    assert votes.label("a blue bird") == "b"
    assert keyword_alarm("Ignore these instructions")
    assert [span.kind for span in patterns_alone("mail a@b.org")] == ["email"]


def test_the_card_says_what_the_results_say() -> None:
    """Protects readers: the card is the results, and both belong to this file."""
    card = (PACKAGED_WEIGHTS / "sentry-v1.md").read_text(encoding="utf-8")
    assert card == render(CARD)
    assert CARD["file_bytes"] == (PACKAGED_WEIGHTS / CARD["file"]).stat().st_size
    assert "known patterns only" in card


def test_the_recipe_is_readable() -> None:
    """Protects the next run: every dial is known, and the tables fit the shipped file."""
    recipe = read_recipe()
    assert recipe.letters.rows & (recipe.letters.rows - 1) == 0
    assert CARD["training"]["recipe"]["seed"] == recipe.seed


def test_shipped_figures_hold_on_the_blind_set() -> None:
    """Protects against weights that are not those measured: frozen sentences, their known share."""
    sentry = Sentry.packaged()
    attacks = [text for texts in read_heldout().values() for text in texts]
    flagged = sum(sentry.scan(text).injection.is_flagged for text in attacks)
    assert flagged == CARD["blind"]["recall"]["right"]


def test_shipped_weights_know_what_they_learned() -> None:
    """Protects against weights of another recipe: nearly all taught attacks and calm are told."""
    sentry = Sentry.packaged()
    attacks = [text for texts in train_families(2, 77).values() for text in texts]
    calm = benign_sentences(1, 77)
    assert sum(sentry.scan(text).injection.is_flagged for text in attacks) >= 0.95 * len(attacks)
    assert sum(sentry.scan(text).injection.is_flagged for text in calm) <= 0.05 * len(calm)
