"""Drills in copying: repeat made-up words, and look up a value by its key.

Every useful task of this model is copying from the prompt. These short, dense samples make that
ability form early; without them the loss stood still for hundreds of steps (see LOG.md).
"""

from structure.conversation import Conversation, Goal, Role, Turn
from structure.generators.asks import posed
from structure.generators.draw import Draw

__all__ = ["make_copying"]

_REPEATS = (
    "Repeat: {v}",
    "Copy: {v}",
    "Say: {v}",
    "Repeat these words: {v}",
    "Write this again: {v}",
    "{v}\nRepeat the line above.",
    'Copy the text between the quotes: "{v}"',
    "Return exactly: {v}",
)
_LOOKUPS = ("{k}", "What is {k}?", "{k}?", "Value of {k}", "Give me {k}", "What is the {k}?")
_PAIRS = ("{k}: {v}", "{k} = {v}", "{k} is {v}", '"{k}": "{v}"', "the {k} is {v}")
_GLUES = (", ", "; ", "\n", ". ")


def _word(draw: Draw) -> str:
    kind = draw.whole(0, 5)
    if kind == 0:
        return draw.digits(draw.whole(1, 5))
    if kind == 1:
        return draw.place()
    if kind == 2:
        return f"{draw.coined(1).upper()}-{draw.digits(2)}"
    return draw.coined() if kind < 5 else draw.thing()


def _exchange(question: str, answer: str) -> list[Turn]:
    return [Turn(Role.USER, question), Turn(Role.ASSISTANT, answer, goal=Goal.EXACT)]


def _repeat(draw: Draw) -> list[Turn]:
    turns: list[Turn] = []
    for _ in range(draw.whole(1, 3)):
        line = " ".join(_word(draw) for _ in range(draw.whole(2, 10)))
        pattern = posed(draw, _REPEATS, "repeats")
        turns += _exchange(pattern.replace("{v}", line).replace("{t}", line), line)
    return turns


def _look_up(draw: Draw) -> list[Turn]:
    pairs = {draw.coined(2): _word(draw) for _ in range(draw.whole(2, 8))}
    pattern = draw.kept(_PAIRS)
    table = draw.one(_GLUES).join(pattern.format(k=key, v=value) for key, value in pairs.items())
    turns: list[Turn] = []
    for key in draw.some(list(pairs), draw.whole(2, 5)):
        question = draw.kept(_LOOKUPS).format(k=key)
        turns += _exchange(question if turns else f"{table}\n{question}", pairs[key])
    return turns


def make_copying(draw: Draw) -> Conversation:
    """Either drill."""
    turns = _repeat(draw) if draw.chance(0.5) else _look_up(draw)
    return Conversation("copying", tuple(turns))
