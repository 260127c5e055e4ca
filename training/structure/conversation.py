"""The vocabulary of the training data: tools, calls, turns and whole conversations.

A conversation carries its own reference answers (the assistant turns) and says how each must be
judged (`Goal`), so that one value serves as training text, as test item and as its own checker.
"""

import enum
from typing import TypeAlias

import msgspec

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
JsonObject: TypeAlias = dict[str, Json]

__all__ = ["Call", "Conversation", "Goal", "Json", "JsonObject", "Role", "Tool", "Turn"]


class Role(enum.StrEnum):
    """Who speaks; the names are those of the chat template."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Goal(enum.StrEnum):
    """What an assistant turn must achieve, which decides how an answer is compared with it."""

    CALL = "call"  # the same tools with equal arguments
    JSON = "json"  # an equal JSON value
    EXACT = "exact"  # the same text
    ABSTAIN = "abstain"  # no call and no invented JSON; the wording is free
    CHAT = "chat"  # readable text without a call; the wording is free


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: JsonObject

    def schema(self) -> JsonObject:
        """The function as the engine hands it to the template: these three, in this order."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
        }


class Call(msgspec.Struct, frozen=True):
    """One call of one tool."""

    name: str
    arguments: JsonObject


class Turn(msgspec.Struct, frozen=True):
    """One message; only an assistant turn has calls and a goal."""

    role: Role
    content: str = ""
    calls: tuple[Call, ...] = ()
    goal: Goal = Goal.CHAT


class Conversation(msgspec.Struct, frozen=True):
    """A whole exchange, named after the family of tasks that it belongs to."""

    family: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
