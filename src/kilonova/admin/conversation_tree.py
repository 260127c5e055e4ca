"""A conversation as a value: turns are merged into it, and it is written as Markdown. Pure."""

import re

from msgspec import Struct
from msgspec.structs import replace

from kilonova.admin.conversation_schema import ChatChoices, ConversationView, Turn
from kilonova.core.errors import InvalidRequest, RequestTooLarge

__all__ = ["Kept", "branch", "excerpt", "holds", "markdown", "merged"]

_TURNS_MAX = 4_000
_TITLE_LENGTH = 80
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_TICKS = re.compile(r"`{3,}")
_HEADINGS = {"user": "## User", "tool": "## Tools"}


class Kept(Struct, frozen=True, kw_only=True):
    """What the shelf holds of a conversation. An empty title is taken from the first question."""

    title: str = ""
    choices: ChatChoices = ChatChoices()
    turns: tuple[Turn, ...] = ()
    chosen: dict[str, str] = {}


def merged(kept: Kept, turns: tuple[Turn, ...], chosen: dict[str, str]) -> Kept:
    """With these turns added, or in the place of those of the same id.

    A turn stays where it is, and comes after its parent: so there is no circle, and two tabs that
    write into one conversation both keep all that they said. Raises InvalidRequest.
    """
    found = {turn.id: turn for turn in kept.turns}
    for turn in turns:
        before = found.get(turn.id)
        if before is not None and (before.parent, before.role) != (turn.parent, turn.role):
            raise InvalidRequest(f"The turn {turn.id!r} stands elsewhere already.", param="turns")
        if turn.parent and turn.parent not in found:
            raise InvalidRequest(f"The turn {turn.id!r} has no parent here.", param="turns")
        found[turn.id] = turn
    if len(found) > _TURNS_MAX:
        raise RequestTooLarge(f"A conversation has at most {_TURNS_MAX} turns. Begin a new one.")
    for parent, child in chosen.items():
        if child not in found or found[child].parent != parent:
            raise InvalidRequest(f"{child!r} is no turn below {parent!r}.", param="chosen")
    return replace(kept, turns=tuple(found.values()), chosen={**kept.chosen, **chosen})


def excerpt(kept: Kept) -> str:
    """What the conversation is called: its title, or the beginning of the first question."""
    if kept.title:
        return kept.title
    first = next((said for turn in kept.turns if turn.role == "user" and (said := _said(turn))), "")
    line = " ".join(first[:1000].split())
    return line if len(line) <= _TITLE_LENGTH else f"{line[: _TITLE_LENGTH - 1].rstrip()}…"


def holds(kept: Kept, searched: str) -> bool:
    """Whether the title, a turn or the name of an attachment has these words; ``searched`` is
    folded already."""
    if searched in kept.title.casefold():
        return True
    return any(
        searched in said.casefold() for turn in kept.turns for said in (turn.text, *_names(turn))
    )


def branch(kept: Kept) -> tuple[Turn, ...]:
    """The turns that are shown, from the first to the last."""
    found = {turn.id: turn for turn in kept.turns}
    line: list[Turn] = []
    at = kept.chosen.get("")
    while at is not None:
        line.append(found[at])
        at = kept.chosen.get(at)
    return tuple(line)


def markdown(view: ConversationView, line: tuple[Turn, ...]) -> str:
    """The branch that is shown, for people; the other branches are in the JSON."""
    parts = [
        f"# {' '.join(view.title.split()) or view.id}",
        f"{view.created_at:%Y-%m-%d %H:%M} UTC",
    ]
    if view.choices.system.strip():
        parts += ["## System", view.choices.system.strip()]
    for turn in line:
        parts.append(_HEADINGS.get(turn.role) or f"## {turn.model or 'Assistant'}")
        parts += [f"(image: {_line(picture.name)})" for picture in turn.pictures]
        for file in turn.files:
            parts += [f"File {_line(file.name)}:", _fenced(file.text)]
        parts.append(_closed(turn.text.strip()))
        for call in turn.calls:
            parts += [f"Calls {_line(call.name)}:", _fenced(call.arguments, "json")]
        for result in turn.results:
            parts += [f"{_line(result.name)} answers:", _fenced(result.text)]
        if turn.figures is not None and turn.figures.output is not None:
            taken = turn.figures
            price = "" if taken.price is None else f", {taken.price} {taken.currency}"
            parts.append(f"*{taken.input or 0} tokens in, {taken.output} out{price}*")
    return "\n\n".join(part for part in parts if part) + "\n"


def _names(turn: Turn) -> list[str]:
    return [each.name for each in turn.pictures] + [each.name for each in turn.files]


def _said(turn: Turn) -> str:
    """The words of a question, or what was sent without any."""
    return turn.text or " ".join(_names(turn))


def _line(name: str) -> str:
    return " ".join(name.split())


def _fenced(text: str, language: str = "") -> str:
    """A block that nothing in the text can end."""
    fence = "`" * max([3, *(len(found) + 1 for found in _TICKS.findall(text))])
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _closed(text: str) -> str:
    """A block of code that was cut off must not swallow what comes after it."""
    fence = ""
    for row in text.splitlines():
        mark = _FENCE.match(row)
        if mark is None:
            continue
        if not fence:
            fence = mark[1]
        elif mark[1].startswith(fence) and not row.strip().strip(fence[0]):
            fence = ""
    return f"{text}\n{fence}" if fence else text
