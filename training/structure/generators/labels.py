"""Labels and titles: what a request is about, chosen from given labels or said in a few words."""

from structure.conversation import Conversation, Goal, Role, Turn
from structure.generators.asks import posed
from structure.generators.chat import system_turns
from structure.generators.domains import Domain, clash, domains, make_domain_tool
from structure.generators.draw import Draw
from structure.generators.schemas import styled

__all__ = ["make_label", "make_title"]

_LABEL_ASKS = (
    "Classify the message into one of these labels: {l}.\n\n{t}",
    "Labels: {l}\nText: {t}\nLabel:",
    "Which label fits? {l}\n{t}",
    "{t}\n\nChoose one: {l}",
    'Pick the best category for "{t}" from: {l}',
    "Text: {t}\nCategories: {l}\nAnswer with the category only.",
    "What is the intent of this message? Options: {l}. Message: {t}",
    "Route this to one of {l}: {t}",
    "Assign a label ({l}) to: {t}",
    "{t}\nIs this {l}? Reply with one of them.",
    "Tag the text with exactly one of [{l}].\nText: {t}",
    "Choose the right topic. Topics: {l}. Text: {t}",
    "You are given the labels {l}. Label this: {t}",
    "Label the following with {l}:\n{t}",
    "Message: {t}\nPossible intents: {l}\nIntent:",
    "Sort this message into {l}. {t}",
)
_TITLE_ASKS = (
    "Write a short title for this conversation: {t}",
    "Title for: {t}",
    "Give this a title of at most six words.\n\n{t}",
    "{t}\n\nSummarise the request above in a short title.",
    "Suggest a title for the chat that starts with: {t}",
    "Name this conversation: {t}",
    "Short title, please: {t}",
    "What would be a good title for this message?\n{t}",
    "Create a title (3-6 words): {t}",
    "Conversation:\n{t}\nTitle:",
    "Find a heading for this request: {t}",
    "{t}\nTitle?",
    "Generate a concise title for this chat.\nUser: {t}",
    "User: {t}\n\nTitle of this conversation in a few words:",
    "Head this message with a title: {t}",
)
_OPEN_SHARE = 0.5
_LABEL_STYLES = {"snake": 0.45, "words": 0.35, "capital": 0.2}


def _label(domain: Domain, style: str) -> str:
    return _styled_label(domain.names[0], style)


def _request(draw: Draw, domain: Domain) -> str:
    return make_domain_tool(draw, domain, style="snake").ask(draw).text


def _distinct(draw: Draw, count: int) -> list[Domain]:
    """Domains of which no two could be meant by one request."""
    chosen: list[Domain] = []
    for domain in draw.some(domains(draw.split), count):
        if not any(clash(domain.names[0], other.names[0]) for other in chosen):
            chosen.append(domain)
    return chosen


def _open_label(draw: Draw) -> tuple[list[str], str, str]:
    """Labels of any words, the right one, and a message with some of its words among others."""
    style = draw.weighted({**_LABEL_STYLES, "camel": 0.1, "kebab": 0.1})
    parts: list[list[str]] = []
    for _ in range(draw.whole(2, 8)):
        words = [_open_word(draw) for _ in range(draw.weighted({1: 0.4, 2: 0.4, 3: 0.2}))]
        if not any(set(words) & set(other) for other in parts):
            parts.append(words)
    chosen = draw.one(parts)
    told = draw.some(chosen, draw.whole(1, len(chosen)))
    taken = {word for words in parts for word in words}
    others = [_open_word(draw) for _ in range(draw.whole(0, 6))]
    filling = [word for word in others if word not in taken]
    if draw.chance(0.3):
        filling += [word for word in draw.sentence().split() if word.lower() not in taken]
    place = draw.whole(0, len(filling))
    said = [*filling[:place], *told, *filling[place:]]
    text = " ".join(f"{word}s" if draw.chance(0.1) else word for word in said)
    names = [_styled_label("_".join(words), style) for words in parts]
    return names, names[parts.index(chosen)], text[0].upper() + text[1:]


def _styled_label(name: str, style: str) -> str:
    if style in {"snake", "camel", "kebab"}:
        return styled(name, style)
    words = name.replace("_", " ")
    return words if style == "words" else words.capitalize()


def _open_word(draw: Draw) -> str:
    if draw.chance(0.2):
        return draw.coined(2)
    pool = draw.one(("nouns", "objects", "adjectives"))
    return draw.any_word(pool).split()[0].lower()


def make_label(draw: Draw) -> Conversation:
    """A message with the labels that it may get; the order of the labels is free."""
    if draw.is_open and draw.chance(_OPEN_SHARE):
        names, label, text = _open_label(draw)
        return _labelled(draw, _pattern(draw), names, label, text=text)
    chosen = _distinct(draw, draw.whole(2, 6))
    style = draw.weighted(_LABEL_STYLES)
    named = {_label(domain, style): domain for domain in chosen}
    if draw.chance(0.25):  # made-up labels cannot be guessed, but the words of a text label can
        named = {f"{label}_{draw.coined(1)}": domain for label, domain in named.items()}
    label = draw.one(list(named))
    pattern = _pattern(draw)
    return _labelled(draw, pattern, list(named), label, text=_request(draw, named[label]))


def _pattern(draw: Draw) -> str:
    return posed(draw, _LABEL_ASKS, "labels")


def _labelled(draw: Draw, pattern: str, names: list[str], label: str, *, text: str) -> Conversation:
    glue = draw.one((", ", ", ", " | ", "; ", "\n", " / ")) if draw.is_open else ", "
    question = pattern.replace("{l}", glue.join(names)).replace("{t}", text)
    turns = [Turn(Role.USER, question), Turn(Role.ASSISTANT, label, goal=Goal.EXACT)]
    return Conversation("labels", tuple(system_turns(draw, chance=0.2) + turns))


def make_title(draw: Draw) -> Conversation:
    """A request, and the function that it asks for in title form."""
    domain = draw.one(domains(draw.split))
    title = styled(domain.names[0], "snake").replace("_", " ").capitalize()
    pattern = posed(draw, _TITLE_ASKS, "titles")
    question = pattern.replace("{t}", _request(draw, domain))
    turns = [Turn(Role.USER, question), Turn(Role.ASSISTANT, title, goal=Goal.CHAT)]
    return Conversation("titles", tuple(system_turns(draw, chance=0.2) + turns))
