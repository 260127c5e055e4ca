"""Rules of a Converse conversation that AWS states in prose, with AWS's wording: clients match it.

Kilonova's own models are lenient: turns of one role may follow each other and are merged. A model
with `has_strict_turns` gets the rules of the strict families. Every model may be called by its
id, so that the rule about profiles is not here.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from kilonova.core.chat import ChatRequest
from kilonova.core.errors import InvalidRequest, RequestTooLarge
from kilonova.core.model import Model
from kilonova.dialects.bedrock.schema import ContentBlock, Converse, Turn

__all__ = ["check_conversation", "check_model", "check_sizes", "check_tools"]

# Beyond these a request costs more to read than any answer is worth.
_MESSAGES_MAX = 2_048
_IMAGES_MAX = 20
_TOOLS_MAX = 128
_STOPS_MAX = 16
_IDS_SHOWN_MAX = 16


def check_sizes(wire: Converse) -> None:
    """Raises RequestTooLarge."""
    turns = wire.messages or ()
    images = sum(block.image is not None for turn in turns for block in turn.content)
    stops = wire.inference_config.stop_sequences if wire.inference_config else None
    for name, count, count_max in (
        ("messages", len(turns), _MESSAGES_MAX),
        ("images in messages", images, _IMAGES_MAX),
        ("toolConfig.tools", len(wire.tool_config.tools) if wire.tool_config else 0, _TOOLS_MAX),
        ("inferenceConfig.stopSequences", len(stops or ()), _STOPS_MAX),
    ):
        if count > count_max:
            raise RequestTooLarge(
                f"{name}: there are {count} of them, and at most {count_max} are accepted.",
                param=name,
            )


def check_conversation(turns: Sequence[Turn], model: Model, *, has_tools: bool) -> None:
    """Raises InvalidRequest for what no model could answer, or not this one."""
    is_strict = model.has_strict_turns
    if not turns:
        raise _refusal("The messages field is empty. Add a user message and try again.", "messages")
    for index, turn in enumerate(turns):
        _check_content(turn, index, is_strict=is_strict)
    if is_strict:
        _check_alternation(turns)
    if is_strict or not model.can("prefill"):
        _check_end(turns)
    _check_calls(turns, has_tools=has_tools)


def check_tools(request: ChatRequest, *, can_think: bool) -> None:
    """Raises InvalidRequest for tools that cannot be told apart, or not be thought about."""
    names = [tool.name for tool in request.tools]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _refusal(
            f"toolConfig.tools: Tool names must be unique. There twice: {', '.join(twice)}",
            "toolConfig.tools",
        )
    if can_think and request.thinking.is_on and request.tool_choice.mode == "required":
        raise _refusal(
            "Thinking may not be enabled when tool_choice forces tool use.", "toolConfig.toolChoice"
        )


def check_model(wire: Converse, model: Model) -> None:
    """Raises InvalidRequest for what this model cannot do."""
    if not model.can("chat"):
        raise _refusal(
            "This action doesn't support the model that you provided. Try again with a supported "
            f"text or chat model. {model.id} supports: {', '.join(model.abilities)}.",
            "modelId",
        )
    if wire.tool_config is not None and not model.can("tools"):
        raise _refusal("This model doesn't support tool use.", "toolConfig")
    wants_json = wire.output_config is not None and wire.output_config.text_format is not None
    if wants_json and not model.can("json"):
        # Two sentences that clients look for: either makes them fall back to a tool.
        raise _refusal(
            "This model doesn't support structured output. This model doesn't support the "
            "outputConfig field. Remove outputConfig and try again.",
            "outputConfig",
        )
    if not model.can("vision"):
        _refuse_images(wire.messages or ())
    asked = wire.inference_config.max_tokens if wire.inference_config else None
    if asked is not None and asked > model.output_tokens_max:
        raise _refusal(
            f"The maximum tokens you requested exceeds the model limit of "
            f"{model.output_tokens_max}. Try again with a maximum tokens value that is lower than "
            f"{model.output_tokens_max}.",
            "inferenceConfig.maxTokens",
        )


def _refuse_images(turns: Sequence[Turn]) -> None:
    for index, turn in enumerate(turns):
        if any(block.image is not None for block in turn.content):
            raise _refusal(
                "This model doesn't support the image content block that you provided. "
                "Remove the image or choose a model that sees.",
                f"messages.{index}.content",
            )


def _check_content(turn: Turn, index: int, *, is_strict: bool) -> None:
    if not turn.content:
        raise _refusal(
            f"The content field in the Message object at messages.{index} is empty. "
            "Add a ContentBlock object to the content field and try again.",
            f"messages.{index}.content",
        )
    _check_roles(turn, index)
    if is_strict and turn.role == "user":
        _check_same_turn(turn, index)
    # A model may answer with nothing but a blank, and clients send answers back as they came.
    if turn.role == "assistant" and not is_strict:
        return
    for position, block in enumerate(turn.content):
        if block.text is not None and not block.text.strip():
            place = f"messages.{index}.content.{position}"
            raise _refusal(
                f"The text field in the ContentBlock object at {place} is blank. "
                "Add text to the text field, and try again.",
                f"{place}.text",
            )


def _check_roles(turn: Turn, index: int) -> None:
    """What only the other side can say."""
    is_user, is_assistant = turn.role == "user", turn.role == "assistant"
    for position, block in enumerate(turn.content):
        if not is_assistant and block.reasoning_content is not None:
            raise _refusal(
                "User messages cannot contain reasoning content. Please remove the reasoning "
                "content and try again.",
                f"messages.{index}.content.{position}.reasoningContent",
            )
        if not is_assistant and block.tool_use is not None:
            raise _misplaced("toolUse", f"messages.{index}.content.{position}", "assistant")
        if not is_user and block.tool_result is not None:
            raise _misplaced("toolResult", f"messages.{index}.content.{position}", "user")


def _misplaced(kind: str, place: str, role: str) -> InvalidRequest:
    return _refusal(
        f"The {kind} content block at {place} can only be in a message of the {role}.",
        f"{place}.{kind}",
    )


def _check_same_turn(turn: Turn, index: int) -> None:
    has_result = any(block.tool_result is not None for block in turn.content)
    # A cache point is no content of its own.
    others = [b for b in turn.content if b.tool_result is None and b.cache_point is None]
    if has_result and others:
        raise _refusal(
            "Conversation blocks and tool result blocks cannot be provided in the same turn.",
            f"messages.{index}.content",
        )


def _check_end(turns: Sequence[Turn]) -> None:
    if turns[-1].role == "assistant":
        raise _refusal(
            "A conversation must end with a user message. "
            "Try again with a conversation that ends with a user message.",
            "messages",
        )


def _check_alternation(turns: Sequence[Turn]) -> None:
    roles = [turn.role for turn in turns if turn.role != "system"]
    if roles[:1] != ["user"]:
        raise _refusal(
            "A conversation must start with a user message. "
            "Try again with a conversation that starts with a user message.",
            "messages",
        )
    if any(first == second for first, second in pairwise(roles)):
        raise _refusal(
            "A conversation must alternate between user and assistant roles. "
            "Make sure the conversation alternates between user and assistant roles and try again.",
            "messages",
        )


def _check_calls(turns: Sequence[Turn], *, has_tools: bool) -> None:
    """Every call is answered exactly once, right after it, by the user."""
    open_ids: set[str] = set()
    for index, turn in enumerate(turns):
        calls, results = _tool_ids(turn.content)
        if not has_tools and (calls or results):
            raise _refusal(
                "The toolConfig field must be defined when using toolUse and toolResult "
                "content blocks.",
                "toolConfig",
            )
        if turn.role == "assistant":
            _refuse_open(open_ids, index)
            _refuse_twice(calls, "toolUse", index)
            open_ids = set(calls)
        else:
            _check_results(results, open_ids, index)
            open_ids -= set(results)
    _refuse_open(open_ids, len(turns) - 1)


def _tool_ids(content: Sequence[ContentBlock]) -> tuple[list[str], list[str]]:
    calls = [block.tool_use.tool_use_id for block in content if block.tool_use]
    results = [block.tool_result.tool_use_id for block in content if block.tool_result]
    return calls, results


def _check_results(results: list[str], open_ids: set[str], index: int) -> None:
    place = f"messages.{index}.content"
    _refuse_twice(results, "toolResult", index)
    if not open_ids.issuperset(results):
        raise _refusal(
            f"The number of toolResult blocks at {place} exceeds the number of toolUse blocks of "
            "previous turn.",
            place,
        )


def _refuse_twice(ids: list[str], kind: str, index: int) -> None:
    if len(set(ids)) < len(ids):
        place = f"messages.{index}.content"
        twice = [name for name, count in Counter(ids).items() if count > 1]
        raise _refusal(
            f"The {kind} blocks at {place} contain duplicate Ids: {_named(twice)}", place
        )


def _refuse_open(open_ids: set[str], index: int) -> None:
    if open_ids:
        place = f"messages.{index}.content"
        raise _refusal(
            f"Expected toolResult blocks at {place} for the following Ids: {_named(open_ids)}",
            place,
        )


def _named(ids: Iterable[str]) -> str:
    """Some of them, where there are too many for a message."""
    shown = sorted(ids)
    more = f" and {len(shown) - _IDS_SHOWN_MAX} more" if len(shown) > _IDS_SHOWN_MAX else ""
    return ", ".join(shown[:_IDS_SHOWN_MAX]) + more


def _refusal(message: str, param: str) -> InvalidRequest:
    return InvalidRequest(message, param=param)
