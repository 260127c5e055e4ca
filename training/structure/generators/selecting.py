"""Drills in choosing: bare tools, and requests that name some of their words.

Choosing is the slowest ability to form: of what decides it, nothing stands at one place. Here the
tools have no arguments and the words are random, so that a step holds many plain decisions.
"""

from structure.conversation import Call, Conversation, Goal, Role, Tool, Turn
from structure.generators.draw import Draw
from structure.generators.schemas import naming_style, styled

__all__ = ["make_selecting"]

_WRAPPERS = (
    "{w}",
    "Please {w}",
    "I want {w}",
    "{w} please",
    "Can you do {w}?",
    "Time for {w}",
    "{w} now",
    "Let us {w}",
    "About {w}, go ahead",
    "We need {w}",
    "Something with {w}",
    "{w}!",
)
_REQUESTS_PER_TOOL = 2


def _word(draw: Draw) -> str:
    kind = draw.whole(0, 5)
    if kind < 2:
        return draw.coined(2)
    return draw.any_word(("objects", "nouns", "adjectives", "topics")[kind - 2]).split()[0].lower()


def _words(draw: Draw, taken: set[str], count: int) -> list[str]:
    """Words that no other tool of the box has."""
    found: list[str] = []
    while len(found) < count:
        word = _word(draw)
        if word.isalpha() and word not in taken:
            taken.add(word)
            found.append(word)
    return found


def _request(draw: Draw, words: list[str]) -> str:
    said = draw.some(words, draw.whole(1, min(3, len(words))))
    return draw.kept(_WRAPPERS).format(w=" ".join(said))


def make_selecting(draw: Draw) -> list[Conversation]:
    """Two to eight tools, and two requests for each."""
    style = naming_style(draw)
    taken: set[str] = set()
    tools: list[Tool] = []
    words: list[list[str]] = []
    for _ in range(draw.whole(2, 8)):
        name = _words(draw, taken, draw.whole(1, 3))
        described = _words(draw, taken, draw.weighted({0: 0.25, 2: 0.25, 4: 0.3, 6: 0.2}))
        text = " ".join(described).capitalize()
        schema = {"type": "object", "properties": {}}
        tools.append(Tool(styled("_".join(name), style), text, schema))
        words.append(name + described)
    made = []
    for number in range(_REQUESTS_PER_TOOL * len(tools)):
        chosen = number % len(tools)
        request = Turn(Role.USER, _request(draw, words[chosen]))
        call = Turn(Role.ASSISTANT, calls=(Call(tools[chosen].name, {}),), goal=Goal.CALL)
        made.append(Conversation("selecting", (request, call), tuple(tools)))
    return made
