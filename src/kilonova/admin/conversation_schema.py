"""Conversations as members keep them: a tree of turns, in which edits and second answers branch."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = [
    "ChatChoices",
    "ConversationChange",
    "ConversationExport",
    "ConversationHead",
    "ConversationList",
    "ConversationQuery",
    "ConversationView",
    "ExportQuery",
    "NewConversation",
    "Picture",
    "SearchQuery",
    "TextFile",
    "ToolAnswer",
    "ToolCall",
    "Turn",
    "TurnError",
    "TurnFigures",
]

Project = Annotated[str, Meta(min_length=1, max_length=60)]
TurnId = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,40}$")]
Parent = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{0,40}$")]
Title = Annotated[str, Meta(max_length=200)]
Short = Annotated[str, Meta(max_length=300)]
Text = Annotated[str, Meta(max_length=2_000_000)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Name = Annotated[str, Meta(max_length=128)]
# 3 MB in base64.
Picture64 = Annotated[
    str, Meta(pattern="^data:image/(png|jpeg|webp|gif);base64,", max_length=4_000_100)
]


class _Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request body or query, or a part of one. An unknown field is refused by name."""


class ChatChoices(_Body, frozen=True, kw_only=True):
    """How the next answer is asked for. None and empty leave it to the model.

    ``tools`` and ``schema`` are JSON as it was written, well-formed or not yet. ``tool_choice`` is
    ``auto``, ``none``, ``required``, or ``name:`` and the name of a tool. ``canned`` holds what a
    tool answers whenever it is called.
    """

    model: Short = ""
    system: Text = ""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: Count | None = None
    seed: Annotated[int, Meta(ge=-(2**53), le=2**53)] | None = None
    stop: Annotated[tuple[Short, ...], Meta(max_length=4)] = ()
    effort: Name = ""
    service_tier: Name = ""
    format: Literal["text", "json_object", "json_schema"] = "text"
    schema: Text = ""
    tools: Text = ""
    tool_choice: Short = "auto"
    canned: Annotated[dict[Name, Text], Meta(max_length=128)] = {}


class TurnFigures(_Body, frozen=True, kw_only=True):
    """What an answer took, as it was shown; money and energy are decimals."""

    request_id: Short = ""
    first_ms: float | None = None
    took_ms: float | None = None
    input: Count | None = None
    cached: Count | None = None
    output: Count | None = None
    reasoning: Count | None = None
    price: Short | None = None
    currency: Short = ""
    cost: Short | None = None
    cost_currency: Short = ""
    energy_wh: Short | None = None


class TurnError(_Body, frozen=True, kw_only=True):
    """Why there is no answer, or no whole one."""

    message: Annotated[str, Meta(max_length=2_000)] = ""
    code: Short = ""
    reason: Short | None = None


class Picture(_Body, frozen=True, kw_only=True):
    """An image beside a question, as a ``data:`` address: byte for byte what was attached."""

    name: Short = ""
    url: Picture64


class TextFile(_Body, frozen=True, kw_only=True):
    """A file of text beside a question."""

    name: Short = ""
    text: Text


class ToolCall(_Body, frozen=True, kw_only=True):
    """``arguments`` is JSON as the model wrote it, which need not be well-formed."""

    id: Name
    name: Name
    arguments: Text = ""


class ToolAnswer(_Body, frozen=True, kw_only=True):
    """What a member answered in the place of a tool; ``id`` is that of the call."""

    id: Name
    name: Name
    text: Text = ""


class Turn(_Body, frozen=True, kw_only=True):
    """A question or an answer below its ``parent``; the first ones have none.

    An answer may hold ``calls`` of tools; a turn of the role ``tool`` below it holds the
    ``results``. ``pictures`` and ``files`` are what was attached to a question.
    """

    id: TurnId
    parent: Parent = ""
    role: Literal["user", "assistant", "tool"]
    text: Text = ""
    thoughts: Text = ""
    model: Short = ""
    state: Literal["streaming", "done", "stopped", "failed"] = "done"
    error: TurnError | None = None
    figures: TurnFigures | None = None
    pictures: Annotated[tuple[Picture, ...], Meta(max_length=8)] = ()
    files: Annotated[tuple[TextFile, ...], Meta(max_length=8)] = ()
    calls: Annotated[tuple[ToolCall, ...], Meta(max_length=128)] = ()
    results: Annotated[tuple[ToolAnswer, ...], Meta(max_length=128)] = ()


class NewConversation(_Body, frozen=True, kw_only=True):
    """``chosen`` says which turn is shown below another; the empty name stands for the top."""

    project: Project
    title: Title = ""
    choices: ChatChoices = ChatChoices()
    turns: Annotated[tuple[Turn, ...], Meta(max_length=4_000)] = ()
    chosen: dict[Parent, TurnId] = {}


class ConversationChange(_Body, frozen=True, kw_only=True):
    """Turns are added, or replace those of the same id; nothing that is not named is touched."""

    project: Project
    title: Title | None = None
    choices: ChatChoices | None = None
    turns: Annotated[tuple[Turn, ...], Meta(max_length=4_000)] = ()
    chosen: dict[Parent, TurnId] = {}


class ConversationQuery(_Body, frozen=True, kw_only=True):
    """``project`` is its id, of the member's own organisation."""

    project: Project


class SearchQuery(_Body, frozen=True, kw_only=True):
    """``search`` is looked for in titles, questions and answers, in any case; ``after`` is the
    ``next`` of the page before."""

    project: Project
    search: Annotated[str, Meta(max_length=200)] = ""
    after: Annotated[str, Meta(max_length=80)] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class ExportQuery(_Body, frozen=True, kw_only=True):
    project: Project
    format: Literal["json", "markdown"] = "markdown"


class ConversationHead(Struct, frozen=True, kw_only=True):
    """``title`` is the member's, or the beginning of the first question."""

    id: str
    project_id: str
    title: str
    turns: int
    created_at: datetime
    updated_at: datetime


class ConversationList(Struct, frozen=True, kw_only=True):
    """The latest change first."""

    data: tuple[ConversationHead, ...]
    next: str | None = None


class ConversationView(Struct, frozen=True, kw_only=True):
    """A whole conversation, with every branch."""

    id: str
    project_id: str
    title: str
    created_at: datetime
    updated_at: datetime
    choices: ChatChoices
    turns: tuple[Turn, ...]
    chosen: dict[str, str]


class ConversationExport(Struct, frozen=True, kw_only=True):
    """A file for the member: what it is called, what it is, and what is in it."""

    name: str
    media_type: str
    text: str
