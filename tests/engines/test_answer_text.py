"""Tool calls and stop sequences in a stream of text, however it is cut into pieces."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kilonova.core.events import TextDelta, TokenLogprob, ToolCallDelta, ToolCallStarted
from kilonova.engines.llamacpp.calls import CallScanner
from kilonova.engines.llamacpp.stops import StopFinder

_TEXT = st.text(alphabet='ab{}[]"\\\n é', max_size=6)
_ARGUMENTS = st.dictionaries(_TEXT, _TEXT | st.dictionaries(_TEXT, _TEXT, max_size=2), max_size=2)
_CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=30)


def _pieces(text: str, cuts: list[int]) -> list[str]:
    pieces, at, turn = [], 0, 0
    while at < len(text):
        size = cuts[turn % len(cuts)]
        pieces.append(text[at : at + size])
        at, turn = at + size, turn + 1
    return pieces


def _scan(pieces: list[str], *names: str, is_forced: bool = False) -> tuple[str, list[list[str]]]:
    scanner = CallScanner(names, is_forced=is_forced)
    events = [
        event
        for number, piece in enumerate(pieces, 1)
        for event in scanner.feed(TextDelta(piece, number))
    ]
    text, calls = "", []
    for event in [*events, *scanner.finish()]:
        match event:
            case TextDelta():
                text += event.text
            case ToolCallStarted():
                assert event.index == len(calls)
                calls.append([event.name, ""])
            case ToolCallDelta():
                calls[event.index][1] += event.arguments
    return text, calls


@settings(max_examples=60)
@given(given=st.lists(_ARGUMENTS, min_size=1, max_size=3), cuts=_CUTS)
def test_calls_are_found_however_they_are_cut(
    given: list[dict[str, object]], cuts: list[int]
) -> None:
    written = [json.dumps(one, ensure_ascii=False) for one in given]
    whole = "\n".join(
        f'<tool_call>\n{{"name": "f{n}", "arguments": {one}}}\n</tool_call>'
        for n, one in enumerate(written)
    )
    text, calls = _scan(_pieces(f"Well then.{whole}", cuts))
    assert text == "Well then."
    assert calls == [[f"f{n}", one] for n, one in enumerate(written)]


@given(text=st.text(alphabet='<tool_call>{"name: x}\n ', max_size=60), cuts=_CUTS)
def test_text_that_is_no_call_stays_text(text: str, cuts: list[int]) -> None:
    found, calls = _scan(_pieces(text, cuts))
    if "<tool_call>" not in text:
        assert found.strip() == text.strip()
        assert calls == []


def test_a_call_that_is_cut_off_keeps_what_came() -> None:
    text, calls = _scan(['<tool_call>\n{"name": "f", "arg', 'uments": {"a": "b'])
    assert (text, calls) == ("", [["f", '{"a": "b']])
    assert _scan(["<tool_call>\nnothing useful"])[0] == "<tool_call>\nnothing useful"


@pytest.mark.parametrize("size", range(len('<tool_call>\n{"name": "find", "argument')))
def test_a_forced_call_that_is_cut_in_its_beginning_is_never_text(size: int) -> None:
    """Protects callers who force a call: what is cut is a call without arguments, or nothing."""
    whole = '<tool_call>\n{"name": "find", "argument'
    assert _scan([whole[:size]], "find", is_forced=True) == ("", [["find", ""]])
    text, calls = _scan([whole[:size]], "find", "fill", is_forced=True)
    is_clear = size >= len('<tool_call>\n{"name": "fin')
    assert (text, calls) == ("", [["find", ""]] if is_clear else [])


def test_a_free_call_that_is_cut_in_its_beginning_is_never_text() -> None:
    """Protects callers who let the model choose: its text stays, the cut call is no text."""
    cut = 'Well.<tool_call>\n{"name": "fin'
    assert _scan([cut], "find", "fill") == ("Well.", [["find", ""]])
    assert _scan([cut[:-1]], "find", "fill") == ("Well.", [])
    assert _scan(["Well <tool"], "find") == ("Well <tool", [])


@given(
    text=st.text(alphabet="abc", max_size=40),
    stops=st.lists(st.text(alphabet="abc", min_size=1, max_size=4), min_size=1, max_size=3),
    cuts=_CUTS,
)
def test_the_first_stop_sequence_ends_the_text(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    finder = StopFinder(tuple(stops))
    sent = []
    for number, piece in enumerate(_pieces(text, cuts), 1):
        if finder.found is None:
            sent.append(finder.feed(TextDelta(piece, number)))
    if finder.found is None:
        sent.append(finder.finish())
    got = "".join(delta.text for delta in sent if delta is not None)
    if finder.found is None:
        assert got == text
        assert not any(stop in text for stop in stops)
    else:
        assert text.startswith(got + finder.found)
        assert not any(stop in got for stop in stops)


@pytest.mark.parametrize(("stop", "kept"), [("cd", 1), ("zz", 3), ("ab", 0)])
def test_log_probabilities_follow_their_text(stop: str, kept: int) -> None:
    finder = StopFinder((stop,))
    sent = []
    for number, piece in enumerate(("ab", "c", "d"), 1):
        if finder.found is None:
            logprob = TokenLogprob(piece, -1.0, piece.encode())
            sent.append(finder.feed(TextDelta(piece, number, 0, (logprob,))))
    sent.append(finder.finish() if finder.found is None else None)
    found = [logprob for delta in sent if delta for logprob in delta.logprobs]
    assert len(found) == kept
