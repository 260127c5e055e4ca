"""Reading: questions whose answer is a span of the given passage, or that it does not contain."""

from structure.conversation import Conversation, Goal, Role, Turn
from structure.generators.chat import system_turns
from structure.generators.draw import Draw

__all__ = ["NOT_IN_TEXT", "make_reading"]

NOT_IN_TEXT = "The text does not say."
_RELATIONS = (
    ("{s} lives in {o}", "Where does {s} live?", "place"),
    ("{s} works for {o}", "Who does {s} work for?", "company"),
    ("{s} bought a {o}", "What did {s} buy?", "thing"),
    ("{s} lost the {o}", "What did {s} lose?", "thing"),
    ("{s} repaired the {o}", "What did {s} repair?", "thing"),
    ("{s} met {o}", "Who did {s} meet?", "person"),
    ("{s} called {o}", "Who did {s} call?", "person"),
    ("{s} travelled to {o}", "Where did {s} travel?", "place"),
    ("the favourite dish of {s} is {o}", "What is the favourite dish of {s}?", "thing"),
    ("the password of {s} is {o}", "What is the password of {s}?", "coined"),
    ("{s} drives a {o}", "What does {s} drive?", "thing"),
    ("{s} paid {o} euros", "How many euros did {s} pay?", "number"),
    ("{s} sold {o} tickets", "How many tickets did {s} sell?", "number"),
    ("the server {s} listens on port {o}", "On which port does the server {s} listen?", "number"),
    ("the default value of {s} is {o}", "What is the default value of {s}?", "coined"),
    ("{s} was written by {o}", "Who wrote {s}?", "person"),
)
_FRAMES = (
    "{t}\n\n{q}",
    "Text: {t}\nQuestion: {q}",
    "Read this: {t}\n{q}",
    "{q}\n\n{t}",
    "Answer from the text. {t} {q}",
    "Context: {t}\n\nQuestion: {q}\nAnswer:",
    "Use the passage to answer.\n\n{t}\n\n{q}",
    "Passage: {t} {q}",
)


def _object(draw: Draw, kind: str) -> str:
    match kind:
        case "place":
            return draw.place()
        case "company":
            return draw.company()
        case "thing":
            return draw.thing()
        case "person":
            return draw.person()
        case "number":
            return str(draw.whole(1, 9999))
        case _:
            return draw.coined()


def _facts(draw: Draw) -> list[tuple[str, str, str]]:
    """Statement, question and answer; subjects differ from fact to fact."""
    facts = []
    for statement, question, kind in draw.some(_RELATIONS, draw.whole(2, 5)):
        subject = draw.coined() if draw.chance(0.2) else draw.person()
        value = _object(draw, kind)
        facts.append((statement.format(s=subject, o=value), question.format(s=subject), value))
    return facts


def make_reading(draw: Draw) -> Conversation:
    """A passage and one to three questions."""
    facts = _facts(draw)
    passage = " ".join(f"{fact[0].upper()}{fact[1:]}." for fact, _, _ in facts)
    turns = system_turns(draw, chance=0.25)
    asked = draw.some(facts, draw.whole(1, min(3, len(facts))))
    for number, (_, question, answer) in enumerate(asked):
        is_absent = draw.chance(0.12)
        text = _facts(draw)[0][1] if is_absent else question
        if number == 0:
            text = draw.kept(_FRAMES).replace("{t}", passage).replace("{q}", text)
        turns.append(Turn(Role.USER, text))
        turns.append(Turn(Role.ASSISTANT, NOT_IN_TEXT if is_absent else answer, goal=Goal.EXACT))
    return Conversation("reading", tuple(turns))
