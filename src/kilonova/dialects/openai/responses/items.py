"""The items of a Responses request: from raw JSON to wire structs, and on to the shelf. Pure."""

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai.complaints import explain
from kilonova.dialects.openai.responses.parameters import BUILT_IN, ITEMS
from kilonova.dialects.openai.responses.schema import (
    CallOutput,
    FunctionCall,
    InputText,
    ItemReference,
    MessageItem,
    OutputText,
    Part,
    ReasoningItem,
)

__all__ = ["ID_PREFIXES", "Item", "KeptItem", "decode_raw", "named", "parse_items", "pieces"]

# An item as it is kept: a reference stands for one of the others.
KeptItem: TypeAlias = MessageItem | FunctionCall | CallOutput | ReasoningItem
Item: TypeAlias = KeptItem | ItemReference

ID_PREFIXES: dict[type[KeptItem], str] = {
    MessageItem: "msg",
    FunctionCall: "fc",
    CallOutput: "fco",
    ReasoningItem: "rs",
}

_Wire = TypeVar("_Wire")
_EMPTY_LIST = Raw(b"[]")


class _Peek(Struct, frozen=True):
    """What tells one kind of item from another."""

    type: str | None = None
    role: object = None
    id: str | None = None


class _Bare(Struct, frozen=True, forbid_unknown_fields=True):
    """A reference without its type."""

    id: str
    type: None = None


_peek = msgspec.json.Decoder(_Peek)
_bares = msgspec.json.Decoder(_Bare)
_decoders: dict[str, msgspec.json.Decoder[Item]] = {
    "message": msgspec.json.Decoder(MessageItem),
    "function_call": msgspec.json.Decoder(FunctionCall),
    "function_call_output": msgspec.json.Decoder(CallOutput),
    "reasoning": msgspec.json.Decoder(ReasoningItem),
    "item_reference": msgspec.json.Decoder(ItemReference),
}
assert tuple(_decoders) == ITEMS


def parse_items(wire: str | list[Raw] | None, body: bytes) -> list[Item]:
    """Raises InvalidRequest that names the item and the field at fault in ``body``."""
    if wire is None:
        return []
    if isinstance(wire, str):
        return [MessageItem(role="user", content=wire)]
    return [_item(raw, f"input[{index}]", body) for index, raw in enumerate(wire)]


def _item(raw: Raw, path: str, body: bytes) -> Item:
    seen = decode_raw(_peek, raw, path=path, body=body)
    kind = seen.type
    if kind is None:
        # Clients leave the type of a message out, and of a reference.
        if seen.role is None and seen.id is not None:
            return ItemReference(decode_raw(_bares, raw, path=path, body=body).id)
        kind = "message"
    decoder = _decoders.get(kind)
    if decoder is None:
        advice = f" {BUILT_IN}" if kind.endswith("_call") else ""
        raise InvalidRequest(
            f"Unsupported value: '{path}.type' is '{kind[:64]}'. Items here are: "
            f"{', '.join(ITEMS)}.{advice}",
            param=f"{path}.type",
            reason="unsupported_value",
        )
    return decode_raw(decoder, raw, path=path, body=body)


def decode_raw(
    decoder: "msgspec.json.Decoder[_Wire]", raw: Raw, *, path: str, body: bytes
) -> _Wire:
    """A part of a body that was kept raw, with complaints that name its place in the body."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        what, at, where = str(error).partition(" - at `$")
        raise explain(f"{what} - at `$.{path}{where if at else '`'}", body) from None


def pieces(items: Sequence[KeptItem]) -> int:
    """How many items there are, and parts in them: what it takes to hold and to read them."""
    count = len(items)
    for item in items:
        match item:
            case MessageItem(content=list(parts)) | CallOutput(output=list(parts)):
                count += len(parts)
            case ReasoningItem():
                count += len(item.summary) + len(item.content or ())
            case _:
                pass
    return count


def named(items: Sequence[KeptItem], turn: str) -> tuple[KeptItem, ...]:
    """The items of a request as they are kept: with ids, and without what was ignored."""
    return tuple([_named(item, f"_{turn}i{index:04d}") for index, item in enumerate(items)])


def _named(item: KeptItem, suffix: str) -> KeptItem:
    name = ID_PREFIXES[type(item)] + suffix
    match item:
        case MessageItem():
            return MessageItem(
                role=item.role, content=_content(item), id=name, status=item.status or "completed"
            )
        case FunctionCall():
            return FunctionCall(
                call_id=item.call_id,
                name=item.name,
                arguments=item.arguments,
                id=name,
                status=item.status or "completed",
            )
        case CallOutput():
            return CallOutput(
                call_id=item.call_id,
                output=item.output,
                id=name,
                status=item.status or "completed",
            )
        case ReasoningItem():
            return replace(item, id=name)


def _content(item: MessageItem) -> list[Part]:
    """Always a list, as clients of the list of input items expect it."""
    if isinstance(item.content, str):
        if item.role == "assistant":
            return [OutputText(item.content, annotations=_EMPTY_LIST)]
        return [InputText(item.content)]
    return [_said(part) for part in item.content]


def _said(part: Part) -> Part:
    if isinstance(part, OutputText):
        return OutputText(part.text, annotations=_EMPTY_LIST)
    if isinstance(part, InputText):
        return InputText(part.text)
    return part
