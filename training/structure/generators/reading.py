"""Reading: questions whose answer is a span of the given passage, or that it does not contain."""

from structure.conversation import Conversation, Goal, Role, Turn
from structure.generators.asks import expanded, posed, wordings
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
_CLAUSES = ("{a}. ", "{a}. ", "{a}, and ", "{a}; ", "{a}\n", "{a}, while ")
_OPEN_SHARE = 0.6


def _past(verb: str) -> str:
    if verb.endswith("e"):
        return f"{verb}d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ied"
    doubled = verb in {"plan", "scan", "stop"}
    return f"{verb}{verb[-1]}ed" if doubled else f"{verb}ed"


def _subject(draw: Draw) -> str:
    kind = draw.whole(0, 4)
    if kind < 3:
        return draw.person()
    return draw.company() if kind == 3 else draw.coined().capitalize()


def _value(draw: Draw) -> str:
    makers = (draw.thing, draw.person, draw.place, draw.coined, draw.company, draw.thing)
    return str(draw.whole(1, 9999)) if draw.chance(0.2) else draw.one(makers)()


def _moment(draw: Draw) -> str:
    if draw.chance(0.5):
        return draw.one(
            ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
        )
    return f"{draw.whole(1, 12)}:{draw.whole(0, 59):02}" + draw.one(("", " am", " pm"))


def _open_fact(draw: Draw, subject: str, word: str) -> tuple[str, tuple[str, str, str]]:
    """Statement, question and answer about anything, and what no other fact may be about."""
    verb = draw.one(wordings().past_verbs.split())
    relation = draw.one(wordings().relations)
    words = {
        "s": subject,
        "n": word,
        "v": _value(draw),
        "b": verb,
        "d": _past(verb),
        "o": draw.thing(),
        "p": draw.place(),
        "w": _moment(draw),
        "c": str(draw.whole(2, 400)),
    }
    statement, question, answer = (expanded(draw, pattern).format(**words) for pattern in relation)
    about = word if "{n}" in relation[0] else verb if "{d}" in relation[0] else relation[0]
    return f"{subject}: {about}", (statement, question, answer)


def _open_facts(draw: Draw) -> list[tuple[str, str, str]]:
    """Facts that share subjects and words now and then; no two answer the same question."""
    subjects = [_subject(draw) for _ in range(draw.whole(1, 4))]
    nouns = [draw.any_word("nouns") for _ in range(3)]
    found: dict[str, tuple[str, str, str]] = {}
    for _ in range(draw.whole(2, 6)):
        about, fact = _open_fact(draw, draw.one(subjects), draw.one(nouns))
        found.setdefault(about, fact)
    return list(found.values())


def _open_passage(draw: Draw, facts: list[tuple[str, str, str]]) -> str:
    said = [fact for fact, _, _ in facts]
    if draw.chance(0.3):
        said.insert(draw.whole(0, len(said)), draw.sentence())
    glue = draw.one(_CLAUSES)
    ends = glue in {"{a}. ", "{a}\n"}
    parts = [_begun(text) if ends or not number else text for number, text in enumerate(said)]
    return "".join(glue.replace("{a}", part) for part in parts[:-1]) + parts[-1] + "."


def _begun(sentence: str) -> str:
    """With a capital letter, unless a value that will be copied stands first."""
    first, *_ = sentence.split(" ", 1)
    return sentence[0].upper() + sentence[1:] if first in {"the", "for"} else sentence


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
    is_open = draw.is_open and draw.chance(_OPEN_SHARE)
    facts = _open_facts(draw) if is_open else _facts(draw)
    passage = " ".join(f"{fact[0].upper()}{fact[1:]}." for fact, _, _ in facts)
    passage = _open_passage(draw, facts) if is_open else passage
    turns = system_turns(draw, chance=0.25)
    asked = draw.some(facts, draw.whole(1, min(3, len(facts))))
    for number, (_, question, answer) in enumerate(asked):
        is_absent = draw.chance(0.12)
        others = (_open_facts(draw) if is_open else _facts(draw)) if is_absent else []
        text = others[0][1] if is_absent else question
        if number == 0:
            pattern = posed(draw, _FRAMES, "questions")
            text = pattern.replace("{t}", passage).replace("{q}", text)
        turns.append(Turn(Role.USER, text))
        turns.append(Turn(Role.ASSISTANT, NOT_IN_TEXT if is_absent else answer, goal=Goal.EXACT))
    return Conversation("reading", tuple(turns))
