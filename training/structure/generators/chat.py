"""Short courteous chat: greetings, thanks, who Spark is, echoing, and admitting ignorance.

The model must not pretend to know the world, so every open question gets the same honest answer.
"""

from collections.abc import Callable

from structure.conversation import Conversation, Goal, Role, Turn
from structure.generators.asks import posed
from structure.generators.draw import Draw

__all__ = ["IDENTITY", "IGNORANCE", "make_chat", "small_talk", "system_turns"]

IDENTITY = (
    "I am Kilonova Spark, a small model of structure. I write tool calls and JSON, and I know "
    "nothing about the world."
)
IGNORANCE = (
    "I am sorry, I do not know that. I am a small model for tool calls and JSON, and I know "
    "nothing about the world."
)
ABILITIES = (
    "I can call tools, extract fields as JSON, normalise dates and amounts, and report results. "
    "I know nothing about the world."
)
CREATIVE = "I am sorry, I am too small a model to write that well. I can call tools and write JSON."
_HELLO = "Hello! How can I help you?"
_SYSTEMS = (
    "You are a helpful assistant.",
    "You are a helpful assistant.",
    "You are an assistant.",
    "You are a polite assistant. Answer briefly.",
    "Be concise.",
    "Answer in English.",
    "You are a customer service agent.",
    "Use the tools when they help.",
    "You are a bot.",
    "You are a helpful AI assistant that can call functions.",
    "Be brief and correct.",
    "You help users of a web shop.",
    "Today is a good day. Be kind.",
    "Reply shortly.",
    "You are a test assistant.",
    "You answer questions about our services.",
)
_GREETINGS = (
    "Hello",
    "Hi",
    "Hello!",
    "Hi!",
    "Hey",
    "Hi there",
    "Good morning",
    "Good evening",
    "hello",
    "hi",
    "Hello there",
    "Hey there!",
    "Greetings",
    "Good afternoon!",
    "hey",
    "Hello, how are you?",
    "Hi, how are you?",
    "How are you?",
    "Hello?",
    "Hello Spark",
    "Hi Kilonova",
    "Hello world",
    "Hello, can you hear me?",
    "Are you there?",
    "ping",
    "test",
    "Testing",
    "Hi, anyone here?",
)
_SAY_HELLO = (
    "Say hello",
    "Say hi",
    "Say hello!",
    "Please say hello.",
    "Say hi!",
    "say hi",
    "Greet me.",
    "Say hello to me",
    "Just say hi",
    "Say hello in one sentence.",
    "Say hi please",
    "say hello",
    "Say hello in five words.",
    "Reply with a greeting.",
    "Can you say hello?",
    "Greet the user.",
)
_WHO = (
    "Who are you?",
    "What are you?",
    "Hello, who are you?",
    "Hi, who are you?",
    "What is your name?",
    "Which model are you?",
    "Are you a robot?",
    "Are you human?",
    "Introduce yourself.",
    "Tell me about yourself.",
    "who are you",
    "What model is this?",
    "Are you ChatGPT?",
    "Who made you?",
    "Describe yourself in one sentence.",
    "What's your name?",
    "Who am I talking to?",
    "Are you an AI?",
    "Say who you are.",
    "Hello! What are you?",
)
_WHAT_CAN = (
    "What can you do?",
    "How can you help me?",
    "Help",
    "What are you good at?",
    "help",
    "What do you do?",
    "Can you help me?",
    "I need help",
    "What are your abilities?",
    "List your skills.",
    "What can I ask you?",
    "How do you work?",
    "What is your purpose?",
)
_THANKS = (
    "Thank you",
    "Thanks",
    "Thanks!",
    "Thank you very much",
    "Great, thanks",
    "thx",
    "Perfect",
    "Nice",
    "Well done",
    "Good job",
    "OK, thank you",
    "That is great",
    "Cool",
    "ok",
    "Thanks a lot",
)
_BYES = (
    "Bye",
    "Goodbye",
    "See you",
    "Good night",
    "bye",
    "See you later",
    "That is all",
    "Farewell",
)
_ECHO = (
    "Say {v}",
    'Say "{v}"',
    "Repeat: {v}",
    "Repeat after me: {v}",
    "Reply with {v}",
    "Reply with exactly: {v}",
    "Answer with the word {v}",
    'Reply with only "{v}"',
    "Just say {v}",
    "Echo {v}",
    "Print {v}",
    'Write "{v}"',
    "Respond with {v}.",
    'Please repeat "{v}"',
    "Reply with the single word {v}.",
    "Say exactly this: {v}",
    "Say the word {v}",
    "Write {v}",
)
_UNKNOWN = (
    "Who wrote {t}?",
    "What is the capital of {p}?",
    "Why is the sky blue?",
    "What is {t}?",
    "Explain {t}.",
    "How does {t} work?",
    "Tell me about {p}.",
    "When was {n} born?",
    "Who is {n}?",
    "What happened in {p} in 1950?",
    "How far is it to {p}?",
    "What is love?",
    "Who won the game in {p}?",
    "Is {t} better than {t2}?",
    "Which city is the largest?",
    "What do you know about {t}?",
    "How tall is {n}?",
    "Give me advice about {t}.",
    "How do I repair a {t}?",
    "Summarise {t}.",
    "Where is {p}?",
)
_CREATIVE = (
    "Tell me a joke.",
    "Write a poem about {t}.",
    "Write a haiku.",
    "Tell me a story about {t}.",
    "Write a short story.",
    "Sing a song about {t}.",
    "Write an essay on {t}.",
    "Write a program.",
    "Write code that sorts {t}.",
    "Compose a letter to {n}.",
    "Make up a tale about {p}.",
)


def system_turns(draw: Draw, *, chance: float) -> list[Turn]:
    """A system message, or none."""
    if not draw.chance(chance):
        return []
    count = draw.weighted({1: 0.75, 2: 0.15, 3: 0.1})
    return [Turn(Role.SYSTEM, " ".join(draw.some(_SYSTEMS, count)))]


def _pair(question: str, answer: str, goal: Goal = Goal.CHAT) -> list[Turn]:
    return [Turn(Role.USER, question), Turn(Role.ASSISTANT, answer, goal=goal)]


def _filled(draw: Draw, pattern: str) -> str:
    return pattern.format(t=draw.topic(), t2=draw.topic(), p=draw.place(), n=draw.person())


def _echo(draw: Draw) -> list[Turn]:
    word = draw.one(
        (
            draw.coined(),
            draw.word("objects"),
            draw.thing(),
            draw.sentence(),
            "pong",
            draw.word("adjectives"),
            draw.digits(3),
        )
    )
    word = draw.one((word, word, word.upper(), word.capitalize()))
    pattern = posed(draw, _ECHO, "echoes")
    return _pair(pattern.replace("{t}", word).format(v=word), word.rstrip("."), Goal.EXACT)


def _sum(draw: Draw) -> list[Turn]:
    first, second = draw.whole(0, 20), draw.whole(0, 20)
    text = draw.one(
        ("What is {a}+{b}?", "What is {a} plus {b}?", "{a} + {b}", "What is {a} + {b}?")
    )
    return _pair(text.format(a=first, b=second), str(first + second), Goal.EXACT)


def _counting(draw: Draw) -> list[Turn]:
    last = draw.whole(2, 20)
    pattern = draw.kept(
        (
            "Count to {n}",
            "Count from 1 to {n}.",
            "Count from 1 to {n}",
            "Count up to {n}",
            "Please count to {n}.",
            "List the numbers from 1 to {n}.",
            "count to {n}",
        )
    )
    answer = ", ".join(str(number) for number in range(1, last + 1))
    return _pair(pattern.format(n=last), answer, Goal.EXACT)


def _fixed(questions: tuple[str, ...], answer: str) -> Callable[[Draw], list[Turn]]:
    return lambda draw: _pair(_filled(draw, draw.kept(questions)), answer)


_COURTESIES: dict[Callable[[Draw], list[Turn]], float] = {
    _fixed(_GREETINGS, _HELLO): 3,
    _fixed(_SAY_HELLO, _HELLO): 1,
    _fixed(_WHO, IDENTITY): 3,
    _fixed(_WHAT_CAN, ABILITIES): 2,
    _fixed(_THANKS, "You are welcome."): 1.5,
    _fixed(_BYES, "Goodbye!"): 1,
}
_EXCHANGES: dict[Callable[[Draw], list[Turn]], float] = {
    **_COURTESIES,
    _echo: 3,
    _sum: 1,
    _counting: 1,
    _fixed(_CREATIVE, CREATIVE): 1,
    _fixed(_UNKNOWN, IGNORANCE): 4,
}


def courtesy(draw: Draw) -> list[Turn]:
    """An exchange that means the same whatever tools are at hand."""
    return draw.weighted(_COURTESIES)(draw)


def small_talk(draw: Draw) -> list[Turn]:
    """One exchange of chat without tools."""
    return draw.weighted(_EXCHANGES)(draw)


def make_chat(draw: Draw) -> Conversation:
    """A few exchanges without tools."""
    turns = system_turns(draw, chance=0.35)
    for _ in range(draw.weighted({1: 0.5, 2: 0.3, 3: 0.2})):
        turns += small_talk(draw)
    return Conversation("chat", tuple(turns))
