"""What a caller asks of a model, in no vendor's words.

A dialect decodes its wire into a ``ChatRequest``; engines understand nothing else. Tool results
are messages of their own (role ``tool``, one ``ToolResultPart`` each), wherever a vendor puts them.
"""

from typing import Literal

from msgspec import Raw, Struct

__all__ = [
    "ChatRequest",
    "Effort",
    "ImagePart",
    "Message",
    "OutputFormat",
    "Part",
    "ReasoningPart",
    "Role",
    "Sampling",
    "TextPart",
    "Thinking",
    "Tool",
    "ToolCallPart",
    "ToolChoice",
    "ToolResultPart",
]

Role = Literal["system", "user", "assistant", "tool"]


class TextPart(Struct, frozen=True, tag="text"):
    text: str


class ImagePart(Struct, frozen=True, tag="image"):
    media_type: str
    content: bytes


class ReasoningPart(Struct, frozen=True, tag="reasoning"):
    """Thinking text that a client sends back; ``signature`` is what the wire carried beside it."""

    text: str
    signature: str | None = None


class ToolCallPart(Struct, frozen=True, tag="tool_call"):
    """``arguments`` is JSON text, kept exactly as it was written."""

    id: str
    name: str
    arguments: str


class ToolResultPart(Struct, frozen=True, tag="tool_result"):
    call_id: str
    text: str
    is_error: bool = False


Part = TextPart | ImagePart | ReasoningPart | ToolCallPart | ToolResultPart


class Message(Struct, frozen=True):
    """One turn. ``name`` tells apart several speakers of one role."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None

    @property
    def text(self) -> str:
        """All text of the message, in order."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


class Tool(Struct, frozen=True):
    """``parameters`` is a JSON Schema, kept as the caller's own JSON."""

    name: str
    description: str = ""
    parameters: Raw = Raw(b'{"type":"object","properties":{}}')
    is_strict: bool = False


class ToolChoice(Struct, frozen=True):
    """``required``: some tool must be called. ``names`` restricts which tools may be called.

    A forced single tool is ``ToolChoice("required", ("its_name",))``.
    """

    mode: Literal["auto", "none", "required"] = "auto"
    names: tuple[str, ...] = ()


class OutputFormat(Struct, frozen=True):
    """``schema`` is JSON Schema text and is present exactly when ``kind`` is ``json_schema``."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: Raw | None = None
    name: str = "answer"


class Sampling(Struct, frozen=True):
    """``None`` means: the model's own default."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    stop: tuple[str, ...] = ()


Effort = Literal["minimal", "low", "medium", "high", "max"]


class Thinking(Struct, frozen=True, kw_only=True):
    """Whether, and how much, a model that can is to think before it answers.

    ``None`` means: the model's own default. ``budget_tokens`` is an upper bound of the reasoning
    tokens of one choice, within ``max_output_tokens``.
    """

    is_on: bool | None = None
    effort: Effort | None = None
    budget_tokens: int | None = None


class ChatRequest(Struct, frozen=True, kw_only=True):
    """One question. ``max_output_tokens`` is per choice; ``None`` means as much as fits.

    ``prompt``: text that the model continues as it stands, with no chat template around it;
    ``messages`` and ``tools`` are empty then. ``continues_last``: the last message is the
    assistant's, and the answer goes on from its end instead of beginning a new turn.
    ``top_logprobs``: ``None`` = no log-probabilities, n = those of the token and n alternatives.
    ``service_tier`` is the one asked for; the price book decides which is sold.
    ``cache_scope`` is set by the gateway: engines share cached prefixes only inside one scope. So
    is ``is_whole``: nobody reads anything of the answer before its end.
    """

    model: str
    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    continues_last: bool = False
    thinking: Thinking = Thinking()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    can_call_in_parallel: bool = True
    output_format: OutputFormat = OutputFormat()
    sampling: Sampling = Sampling()
    max_output_tokens: int | None = None
    choices: int = 1
    top_logprobs: int | None = None
    service_tier: str = "default"
    cache_scope: str = ""
    is_whole: bool = False
