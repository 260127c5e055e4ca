"""Tool calling: pick the tool, copy the values, abstain when nothing fits, ask when one is missing.

A bundle shows its tools once and then makes several independent requests, so that the costly
tool list is read once for many answers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from structure.conversation import Call, Conversation, Goal, Role, Tool, Turn
from structure.generators.chat import courtesy, system_turns
from structure.generators.domains import Domain, clash, domains, make_domain_tool
from structure.generators.draw import Draw
from structure.generators.schemas import Wording, naming_style, words_of
from structure.generators.tool_results import result_turns
from structure.generators.toolsmith import Workpiece, make_tool, request

__all__ = [
    "DECLINE",
    "make_bundle",
    "make_call",
    "make_decline",
    "make_question",
    "make_restraint",
    "make_single",
    "make_tool_calls",
]

DECLINE = "I am sorry, none of my tools can do that."
_GENERAL_QUESTIONS = (
    "Who wrote {t}?",
    "What is the meaning of {t}?",
    "Tell me a joke about {t}.",
    "Who is {p}?",
    "Write a poem about {t}.",
    "Why is {t} important?",
    "What do you think about {t}?",
    "Explain {t} to a child.",
    "What is the capital of {c}?",
    "How old is {p}?",
    "Write a story about {p} and a {t}.",
    "Which is better, {t} or {t2}?",
    "Tell me about {c}.",
)


class Askable(Protocol):
    """A tool with the ways to ask for it."""

    @property
    def tool(self) -> Tool:
        """What the model is shown."""

    @property
    def noun(self) -> str:
        """What the tool is about; two tools of one noun may be mistaken for each other."""

    @property
    def area(self) -> str:
        """Tools of different areas do not serve each other's requests."""

    @property
    def searches(self) -> bool:
        """Whether almost any question could be meant for this tool."""

    def ask(self, draw: Draw) -> Wording:
        """A request with everything that is needed."""

    def ask_incompletely(self, draw: Draw) -> tuple[str, str] | None:
        """A request without one required value, and the name of what is missing."""

    def ask_beyond(self, draw: Draw) -> str | None:
        """A request close to the subject that the tool cannot serve."""


class BuiltTool:
    """A tool made of a verb, a noun and argument kinds."""

    def __init__(self, piece: Workpiece) -> None:
        self._piece = piece
        self.tool, self.noun, self.area = piece.tool, piece.noun, piece.noun
        self.phrases = piece.phrases
        self.searches = any(item.kind == "topic" for item in piece.parameters)

    def rivals(self, box: Iterable[Askable]) -> bool:
        """Whether a tool of the box has the same noun and a way of asking in common."""
        built = [other for other in box if isinstance(other, BuiltTool)]
        return any(
            other.noun == self.noun and set(self.phrases) & set(other.phrases) for other in built
        )

    def ask(self, draw: Draw) -> Wording:
        """A request with everything that is needed."""
        return request(draw, self._piece)

    def ask_incompletely(self, draw: Draw) -> tuple[str, str] | None:
        """A request without one required value, and the name of what is missing."""
        needed = [item.name for item in self._piece.parameters if item.required]
        if not needed:
            return None
        missing = draw.one(needed)
        return request(draw, self._piece, omit=missing).text, missing

    def ask_beyond(self, draw: Draw) -> str | None:
        """The same noun, another verb."""
        other = make_tool(draw, style="snake", noun=self.noun)
        if other.phrases == self._piece.phrases:
            return None
        return request(draw, other).text


Exchange: TypeAlias = Callable[[Draw, list[Askable]], list[Turn]]
_EVERYDAY = {0.0: 0.3, 1.0: 0.5, 0.6: 0.2}
_OPEN_EVERYDAY = {0.0: 0.25, 1.0: 0.6, 0.6: 0.15}  # natural requests are the slowest to learn
_COUNTS = {1: 0.14, 2: 0.2, 3: 0.22, 4: 0.18, 5: 0.1, 6: 0.07, 7: 0.04, 8: 0.05}


def _candidates(draw: Draw) -> tuple[Domain, ...]:
    """Domains at random, or of one area, or near in its file, where choosing needs reading."""
    known = domains(draw.split)
    if draw.chance(0.4):
        area = draw.one(known).area
        known = tuple(domain for domain in known if domain.area == area)
    start = draw.whole(0, max(len(known) - 12, 0))
    return known[start : start + 12] if draw.chance(0.25) else known


def _chosen(draw: Draw, count: int, avoid: Sequence[str]) -> list[Domain]:
    """Domains of which no two could serve the same request."""
    chosen: list[Domain] = []
    candidates = _candidates(draw)
    for domain in draw.some(candidates, len(candidates)):
        taken = [*avoid, *(item.names[0] for item in chosen)]
        if not any(clash(domain.names[0], name) for name in taken):
            chosen.append(domain)
        if len(chosen) == count:
            break
    return chosen


def _toolbox(
    draw: Draw, count: int, *, avoid: Sequence[str] = (), everyday: float | None = None
) -> list[Askable]:
    """Distinct tools, a share of them everyday ones; some share a noun: the verb decides."""
    style = naming_style(draw)
    if everyday is None:
        everyday = draw.weighted(_OPEN_EVERYDAY if draw.is_open else _EVERYDAY)
    shared = draw.word("nouns") if draw.chance(0.35) else None
    box: dict[str, Askable] = {}
    for domain in _chosen(draw, count, avoid):
        entry: Askable
        if draw.chance(everyday):
            entry = make_domain_tool(draw, domain, style=style)
        else:
            noun = shared if draw.chance(0.7) else None
            entry = BuiltTool(make_tool(draw, style=style, noun=noun))
            if entry.rivals(box.values()):
                continue
        box.setdefault(entry.tool.name, entry)
    return list(box.values())


def _user(text: str) -> Turn:
    return Turn(Role.USER, text)


def _calls(*calls: Call) -> Turn:
    return Turn(Role.ASSISTANT, calls=calls, goal=Goal.CALL)


def make_call(draw: Draw, box: list[Askable]) -> list[Turn]:
    """A request that one tool answers."""
    wording = draw.one(box).ask(draw)
    return [_user(wording.text), _calls(wording.call)]


def make_reported_call(draw: Draw, box: list[Askable]) -> list[Turn]:
    """A request, its call, the result, and the sentence that reports it."""
    turns = make_call(draw, box)
    return turns + result_turns(draw, turns[-1].calls)


def make_two_calls(draw: Draw, box: list[Askable]) -> list[Turn]:
    """Two requests in one message, answered by two calls in order."""
    first, second = draw.one(box).ask(draw), draw.one(box).ask(draw)
    glue = draw.one((" And then: ", " Also, ", "\n", " and ", " After that, ", "; ", ". And "))
    following = second.text[0].lower() + second.text[1:] if draw.chance(0.5) else second.text
    text = first.text.rstrip(".?!") + glue + following
    return [_user(text), _calls(first.call, second.call)]


def _general_question(draw: Draw) -> str:
    pattern = draw.kept(_GENERAL_QUESTIONS)
    return pattern.format(t=draw.topic(), t2=draw.topic(), p=draw.person(), c=draw.place())


def _stranger(draw: Draw, box: list[Askable]) -> str | None:
    """A request for a tool that is not there."""
    taken = [entry.noun for entry in box]
    strangers = [entry for entry in _toolbox(draw, 2, avoid=taken) if entry.noun not in taken]
    return strangers[0].ask(draw).text if strangers else None


def make_decline(draw: Draw, box: list[Askable]) -> list[Turn]:
    """A request that no tool answers."""
    text = None
    searchable = any(entry.searches for entry in box)
    kind = draw.weighted({"general": 0.25, "beyond": 0.35, "stranger": 0.4})
    if kind == "beyond":
        entry = draw.one(box)
        others = [other.area for other in box if other is not entry]
        text = entry.ask_beyond(draw) if entry.area not in others else None
    elif kind == "general" and not searchable:
        text = _general_question(draw)
    text = text or _stranger(draw, box) or f"What is {draw.thing()}?"
    return [_user(text), Turn(Role.ASSISTANT, DECLINE, goal=Goal.ABSTAIN)]


def make_question(draw: Draw, box: list[Askable]) -> list[Turn]:
    """A request that lacks a required value; the answer asks for it."""
    for entry in draw.some(box, len(box)):
        lacking = entry.ask_incompletely(draw)
        if lacking is not None:
            text, missing = lacking
            question = f"Which {words_of(missing)} should I use?"
            return [_user(text), Turn(Role.ASSISTANT, question, goal=Goal.ABSTAIN)]
    return make_call(draw, box)


_EXCHANGES: dict[Exchange, float] = {
    make_call: 0.62,
    make_reported_call: 0.06,
    make_decline: 0.13,
    make_question: 0.08,
    make_two_calls: 0.07,
    lambda draw, _: courtesy(draw): 0.04,
}

# Like requests with unlike answers: a call, a question for what is missing, no tool that fits.
_RESTRAINT: dict[Exchange, float] = {make_call: 0.4, make_decline: 0.3, make_question: 0.3}


def make_bundle(draw: Draw, exchanges: Mapping[Exchange, float] = _EXCHANGES) -> list[Conversation]:
    """Conversations over the same tools, mostly of one exchange."""
    box = _toolbox(draw, draw.weighted(_COUNTS))
    tools = tuple(entry.tool for entry in box)
    opening = system_turns(draw, chance=0.3)
    return [_conversation(draw, box, tools, opening, exchanges) for _ in range(3 + len(box))]


def make_restraint(draw: Draw) -> list[Conversation]:
    """Conversations over the same tools, of which less than half deserve a call."""
    return make_bundle(draw, _RESTRAINT)


def _conversation(
    draw: Draw,
    box: list[Askable],
    tools: tuple[Tool, ...],
    opening: list[Turn],
    exchanges: Mapping[Exchange, float] = _EXCHANGES,
) -> Conversation:
    turns = list(opening)
    for _ in range(draw.weighted({1: 0.85, 2: 0.11, 3: 0.04})):
        turns += draw.weighted(dict(exchanges))(draw, box)
    return Conversation("tool_calls", tuple(turns), tools)


def make_tool_calls(draw: Draw) -> Conversation:
    """One conversation of one to three exchanges."""
    box = _toolbox(draw, draw.weighted(_COUNTS))
    tools = tuple(entry.tool for entry in box)
    return _conversation(draw, box, tools, system_turns(draw, chance=0.3))


def make_single(draw: Draw, exchange: Exchange, *, everyday: float | None = None) -> Conversation:
    """One request only, for evaluation: the reference is the first assistant turn."""
    box = _toolbox(draw, draw.weighted(_COUNTS), everyday=everyday)
    turns = exchange(draw, box)[:2]
    return Conversation("tool_calls", tuple(turns), tuple(entry.tool for entry in box))
