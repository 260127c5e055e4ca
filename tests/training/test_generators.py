"""The synthetic tasks: the same seed gives the same task, and checkers know right from wrong."""

from collections.abc import Callable

import pytest

from structure.checks import accepts
from structure.conversation import Conversation, Goal, Role, Turn
from structure.generators.chat import make_chat
from structure.generators.copying import make_copying
from structure.generators.draw import Draw, Split
from structure.generators.extraction import make_extraction
from structure.generators.labels import make_label, make_title
from structure.generators.normalisation import make_normalisation
from structure.generators.reading import make_reading
from structure.generators.schemas import words_of
from structure.generators.selecting import make_selecting
from structure.generators.tool_calls import make_restraint, make_tool_calls
from structure.suites import SUITES, handwritten, items, schema_problems
from structure.template import answer_text

_MAKERS: list[Callable[[Draw], Conversation]] = [
    make_tool_calls,
    make_extraction,
    make_normalisation,
    make_reading,
    make_label,
    make_title,
    make_chat,
    make_copying,
]
_SEEDS = range(60)


def _answers(make: Callable[[Draw], Conversation], split: Split) -> list[Turn]:
    turns = [turn for seed in _SEEDS for turn in make(Draw(seed, split)).turns]
    return [turn for turn in turns if turn.role is Role.ASSISTANT]


@pytest.mark.parametrize("make", _MAKERS)
@pytest.mark.parametrize("split", list(Split))
def test_same_seed_same_conversation(make: Callable[[Draw], Conversation], split: Split) -> None:
    """A run can be reproduced from its seed."""
    first = [make(Draw(seed, split)) for seed in _SEEDS]
    assert first == [make(Draw(seed, split)) for seed in _SEEDS]
    assert len({str(conversation) for conversation in first}) > len(_SEEDS) * 0.8


@pytest.mark.parametrize("make", _MAKERS)
@pytest.mark.parametrize("split", list(Split))
def test_checker_accepts_the_reference(make: Callable[[Draw], Conversation], split: Split) -> None:
    """Every generated answer passes its own checker."""
    for turn in _answers(make, split):
        assert accepts(turn, answer_text(turn)), turn


@pytest.mark.parametrize("make", _MAKERS)
def test_checker_rejects_a_corrupted_answer(make: Callable[[Draw], Conversation]) -> None:
    """A lost character, another tool or a call where none belongs is an error."""
    for turn in _answers(make, Split.TRAIN):
        text = answer_text(turn)
        match turn.goal:
            case Goal.CALL:
                assert not accepts(turn, text.replace('{"name": "', '{"name": "x', 1))
                assert not accepts(turn, text.replace("}", "", 1))
            case Goal.JSON:
                assert not accepts(turn, text[:-1])
                assert not accepts(turn, text.replace('"', "", 1))
            case Goal.EXACT:
                assert not accepts(turn, text + "x")
            case Goal.ABSTAIN | Goal.CHAT:
                assert not accepts(turn, '<tool_call>\n{"name": "x", "arguments": {}}')
                assert not accepts(turn, "")


def test_true_is_not_one() -> None:
    """JSON equality is stricter than Python's."""
    turn = Turn(Role.ASSISTANT, '{"urgent": true}', goal=Goal.JSON)
    assert not accepts(turn, '{"urgent": 1}')


@pytest.mark.parametrize("split", list(Split))
def test_reference_calls_fit_their_schemas(split: Split) -> None:
    """The model is never taught a call that its own tool list forbids."""
    for seed in _SEEDS:
        conversation = make_tool_calls(Draw(seed, split))
        schemas = {tool.name: tool.parameters for tool in conversation.tools}
        assert 1 <= len(conversation.tools) <= 8
        for turn in conversation.turns:
            for call in turn.calls:
                assert schema_problems(schemas[call.name], call.arguments) == []


def test_string_values_are_in_the_request() -> None:
    """Open values are copied: a word that the user did not say cannot be guessed."""
    copied = total = 0
    for conversation in items("calls", 200, seed=5):
        request = conversation.turns[-2].content
        for value in conversation.turns[-1].calls[0].arguments.values():
            if isinstance(value, str):
                total += 1
                copied += value in request
    assert copied / total > 0.8  # the rest are normalised dates and times


@pytest.mark.parametrize("suite", list(SUITES))
def test_suites_end_with_an_answer(suite: str) -> None:
    """Every evaluation item has a reference that its checker accepts."""
    for conversation in items(suite, 30, seed=9):
        last = conversation.turns[-1]
        assert last.role is Role.ASSISTANT
        assert accepts(last, answer_text(last))


def test_handwritten_items_fit_their_tools() -> None:
    """The handwritten references obey the schemas beside them."""
    for conversation in handwritten():
        call = conversation.turns[-1].calls[0]
        schema = next(tool.parameters for tool in conversation.tools if tool.name == call.name)
        assert schema_problems(schema, call.arguments) == []


def test_choosing_is_decided_by_the_words() -> None:
    """Every request of the drill has words of the called tool and of no other."""
    for seed in _SEEDS:
        for conversation in make_selecting(Draw(seed, Split.TRAIN)):
            said = {word.strip("!?.,") for word in conversation.turns[0].content.lower().split()}
            (called,) = conversation.turns[1].calls
            for tool in conversation.tools:
                told = {*words_of(tool.name).split(), *tool.description.lower().split()}
                if tool.name != called.name:
                    assert not told & said
                elif "_" in tool.name or tool.description:
                    assert told & said or any(word in tool.name for word in said)


def test_restraint_is_mostly_no_call() -> None:
    """Protects what this family is for: over the same tools less than half deserve a call, and the
    checker knows each answer."""
    bundles = [make_restraint(Draw(seed, Split.TRAIN)) for seed in _SEEDS]
    answers = [
        turn
        for conversation in (each for bundle in bundles for each in bundle)
        for turn in conversation.turns
        if turn.role is Role.ASSISTANT
    ]
    assert all(accepts(turn, answer_text(turn)) for turn in answers)
    calling = sum(bool(turn.calls) for turn in answers)
    assert 0.2 < calling / len(answers) < 0.5
    assert all(each.tools == bundle[0].tools for bundle in bundles for each in bundle)
