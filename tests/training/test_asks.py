"""How tasks are put in training: composed wordings, and what they leave to the held-out half."""

import re

import pytest

from structure.generators import extraction, labels, reading, toolsmith
from structure.generators.asks import Wordings, expanded, phrased, posed, wordings
from structure.generators.draw import Draw, Split, part

_WORDS = [f"word{number}" for number in range(400)]
_LISTS = {
    "extraction": extraction._ASKS,
    "labels": labels._LABEL_ASKS,
    "questions": reading._FRAMES,
}
_PLACES = {"extraction": "{f}", "labels": "{l}", "questions": "{q}"}


def _training(number: int) -> Draw:
    return Draw(f"asks/{number}", Split.TRAIN, (), _WORDS)


@pytest.mark.parametrize("name", _LISTS)
def test_a_composed_request_has_its_material_and_what_is_wanted_once(name: str) -> None:
    """A request that lacks its text or its fields teaches the model to make them up."""
    for number in range(400):
        pattern = posed(_training(number), _LISTS[name], name)
        assert pattern.count("{t}") == 1, pattern
        assert pattern.count(_PLACES[name]) == 1, pattern


@pytest.mark.parametrize("name", _LISTS)
def test_training_never_composes_a_held_out_request(name: str) -> None:
    """The evaluation's wordings stay unseen although training composes new ones."""
    held = part(_LISTS[name], Split.HELDOUT)
    made = {posed(_training(number), _LISTS[name], name) for number in range(3000)}
    assert held
    assert len(made) > 800, "most requests are composed"
    assert not made & set(held)


def test_held_out_draws_use_only_the_list() -> None:
    """The frozen sets can be made again: nothing composed enters the held-out half."""
    held = Draw("x", Split.HELDOUT)
    assert posed(held, _LISTS["extraction"], "extraction") in _LISTS["extraction"]
    assert phrased(held, toolsmith._ENUM_LINKS, "enum_links") in toolsmith._ENUM_LINKS


def test_every_pattern_expands_without_a_remainder() -> None:
    """A stray bracket in the file would be trained as text."""
    found: Wordings = wordings()
    for name in Wordings.__struct_fields__:
        patterns = getattr(found, name)
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            for part_of in [pattern] if isinstance(pattern, str) else pattern:
                text = expanded(_training(0), part_of)
                assert not re.search(r"[<>|]", text), (name, part_of, text)


def test_an_open_passage_answers_its_question_once() -> None:
    """Two facts that answer one question would teach to choose at random."""
    for number in range(300):
        facts = reading._open_facts(_training(number))
        questions = [question for _, question, _ in facts]
        assert len(set(questions)) == len(questions), facts
        assert all(answer in statement for statement, _, answer in facts), facts
