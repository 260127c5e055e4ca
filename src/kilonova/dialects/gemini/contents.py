"""Google's contents → the platform's messages. Pure.

A function's response stands in a user's turn on this wire and is a message of its own in the
platform. Calls and responses may come without ids: they are then matched by name, in order. What a
model said arrives in as many contents as it was streamed in, and becomes one message again.
"""

import base64
import binascii
from collections.abc import Sequence
from operator import attrgetter

import msgspec
from msgspec import Raw

from kilonova.core.chat import (
    ImagePart,
    Message,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from kilonova.core.chat import Part as CorePart
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.gemini.schema import UNSENT, Blob, Content, FunctionResponse, Part
from kilonova.dialects.gemini.support import ignored_fields, refuse_fields
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

__all__ = ["IMAGES_MAX", "ContentsDecoder", "text_of"]

IMAGES_MAX = 20

_IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_SPEAKERS = ("user", "function", "tool")
# The one name under which a function's outcome stands, as Google's SDK and its pages write it.
_OUTCOMES = ("output", "result")
# What Google's pages tell callers to send with a call that no model of theirs has made.
_NO_SIGNATURES = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")

# Nearly all parts are text alone: told apart in one step, the others in several.
_other_fields = attrgetter(*(name for name in Part.__struct_fields__ if name != "text"))
_NO_OTHERS = _other_fields(Part())

_object = msgspec.json.Decoder(dict[str, Raw])
_texts = msgspec.json.Decoder(str)


class ContentsDecoder:
    """Decodes the contents of one request; ``ignored`` gathers the hints that it met."""

    def __init__(self, seal: ReasoningSeal) -> None:
        self.ignored: set[str] = set()
        self._seal = seal
        self._open: list[ToolCallPart] = []
        self._images = 0
        # Where in the message that is being put together the latest answer began.
        self._answer_start = 0

    def decode(
        self, system: Content | None, contents: Sequence[Content] | None
    ) -> tuple[Message, ...]:
        """All messages, the system's first. Raises InvalidRequest."""
        if not contents:
            raise _refusal("contents is not specified", "contents")
        messages = [] if system is None else self._system(system)
        for index, content in enumerate(contents):
            self._turn(content, f"contents[{index}]", messages)
        self._refuse_open("contents")
        return tuple(messages)

    def _system(self, system: Content) -> list[Message]:
        texts: list[CorePart] = []
        for index, part in enumerate(system.parts or ()):
            place = f"systemInstruction.parts[{index}]"
            self._look(part, place)
            if part.text is None:
                raise _refusal("a system instruction holds text alone", place)
            texts.append(TextPart(part.text))
        return [Message("system", tuple(texts))] if texts else []

    def _turn(self, content: Content, place: str, messages: list[Message]) -> None:
        if not content.parts:
            raise _refusal("contents.parts must not be empty", f"{place}.parts")
        if content.role == "model":
            self._answer(content.parts, place, messages)
        elif content.role is None or content.role in _SPEAKERS:
            self._question(content.parts, place, messages)
        else:
            raise _refusal("Please use a valid role: user, model", f"{place}.role")

    def _answer(self, parts: Sequence[Part], place: str, messages: list[Message]) -> None:
        said: list[CorePart] = []
        last = messages[-1] if messages else None
        if last is not None and last.role == "assistant":
            messages.pop()
            said += last.parts
        else:
            self._refuse_open(place)
            self._answer_start = 0
        for index, part in enumerate(parts):
            where = f"{place}.parts[{index}]"
            _append(said, self._said(part, where))
            if part.thought_signature:
                self._recall(said, part.thought_signature, f"{where}.thoughtSignature")
        messages.append(Message("assistant", tuple(said)))

    def _recall(self, said: list[CorePart], signature: str, place: str) -> None:
        """Puts what was thought before the answer, in the place of what was shown of it."""
        if signature in _NO_SIGNATURES:
            self._note(["contents.parts.thoughtSignature"])
            return
        thought = self._seal.reveal(signature)
        if thought is None:
            raise _refusal(
                "Thought signature is not valid. Send it back as it came from here, or leave it "
                "out",
                place,
            )
        answer = [part for part in said[self._answer_start :] if not _is_thought(part)]
        said[self._answer_start :] = [ReasoningPart(thought, signature), *answer]
        self._answer_start = len(said)

    def _said(self, part: Part, place: str) -> CorePart:
        if part.text is not None and _other_fields(part) == _NO_OTHERS:
            return TextPart(part.text)
        self._look(part, place)
        if part.function_call is not None:
            return self._call(part, place)
        if part.text is not None or part.thought or part.thought_signature:
            text = part.text or ""
            return ReasoningPart(text) if part.thought else TextPart(text)
        raise _refusal("a model's part holds text or a functionCall", place)

    def _call(self, part: Part, place: str) -> ToolCallPart:
        wire = part.function_call
        assert wire is not None
        refuse_fields(wire, f"{place}.functionCall")
        self._note(ignored_fields(wire, "contents.parts.functionCall"))
        arguments = "{}" if wire.args == UNSENT else bytes(wire.args).decode()
        if not arguments.startswith("{"):
            raise _refusal("args must be an object", f"{place}.functionCall.args")
        call = ToolCallPart(wire.id or _made_up(place), wire.name, arguments)
        self._open.append(call)
        return call

    def _question(self, parts: Sequence[Part], place: str, messages: list[Message]) -> None:
        """Responses first, right after their calls, wherever in the turn they stand."""
        asked: list[CorePart] = []
        for index, part in enumerate(parts):
            where = f"{place}.parts[{index}]"
            if part.function_response is not None:
                self._look(part, where)
                response = self._response(part.function_response, f"{where}.functionResponse")
                messages.append(Message("tool", (response,)))
            else:
                asked.append(self._asked(part, where))
        if asked:
            self._refuse_open(place)
            messages.append(Message("user", tuple(asked)))

    def _asked(self, part: Part, place: str) -> CorePart:
        if part.text is not None and _other_fields(part) == _NO_OTHERS:
            return TextPart(part.text)
        self._look(part, place)
        if part.thought_signature:
            self._note(["contents.parts.thoughtSignature"])
        if part.inline_data is not None:
            return self._image(part.inline_data, f"{place}.inlineData")
        if part.text is not None:
            return TextPart(part.text)
        raise _refusal("a user's part holds text, inlineData or a functionResponse", place)

    def _response(self, wire: FunctionResponse, place: str) -> ToolResultPart:
        refuse_fields(wire, place)
        self._note(ignored_fields(wire, "contents.parts.functionResponse"))
        call = self._answered(wire, place)
        text, is_error = _outcome(wire.response, f"{place}.response")
        return ToolResultPart(call.id, text, is_error)

    def _answered(self, wire: FunctionResponse, place: str) -> ToolCallPart:
        """The call that this is the response to, which is then no longer open."""
        if not self._open:
            raise _refusal(
                "Please ensure that function response turn comes immediately after a function "
                "call turn",
                place,
            )
        for index, call in enumerate(self._open):
            if wire.id == call.id or (not wire.id and wire.name == call.name):
                return self._open.pop(index)
        wanted = f"id '{wire.id}'" if wire.id else f"name '{wire.name}'"
        raise _refusal(f"no function call of the turn before has the {wanted}", place)

    def _refuse_open(self, place: str) -> None:
        if self._open:
            names = ", ".join(f"'{call.name}'" for call in self._open)
            raise _refusal(
                "Please ensure that the number of function response parts is equal to the number "
                f"of function call parts of the function call turn. Unanswered: {names}",
                place,
            )

    def _image(self, blob: Blob, place: str) -> ImagePart:
        self._note(ignored_fields(blob, "contents.parts.inlineData"))
        self._images += 1
        if self._images > IMAGES_MAX:
            raise _refusal(f"a request may hold {IMAGES_MAX} images", place)
        if blob.mime_type not in _IMAGE_TYPES:
            raise _refusal(
                f"Unsupported MIME type: {blob.mime_type[:100]}. Send text, or an image of the "
                f"type {', '.join(sorted(_IMAGE_TYPES))}",
                f"{place}.mimeType",
            )
        return ImagePart(blob.mime_type, _bytes(blob.data, f"{place}.data"))

    def _look(self, part: Part, place: str) -> None:
        """Refuses and notes what a part says beside its content."""
        refuse_fields(part, place)
        held = (part.text, part.inline_data, part.function_call, part.function_response)
        if sum(one is not None for one in held) > 1:
            raise _refusal("a part holds exactly one of text, data, a call or a response", place)
        self._note(ignored_fields(part, "contents.parts"))

    def _note(self, ignored: list[str]) -> None:
        self.ignored.update(ignored)


def text_of(content: Content | None, place: str) -> str:
    """The text of a content that may hold nothing else. Raises InvalidRequest."""
    if content is None or not content.parts:
        raise _refusal("content is not specified", place)
    texts = []
    for index, part in enumerate(content.parts):
        refuse_fields(part, f"{place}.parts[{index}]")
        if part.text is None:
            raise _refusal("only text is embedded here", f"{place}.parts[{index}]")
        texts.append(part.text)
    return "".join(texts)


def _is_thought(part: CorePart) -> bool:
    return isinstance(part, ReasoningPart)


def _append(parts: list[CorePart], part: CorePart) -> None:
    """Joins pieces of one text, or of one thought, that a stream tore apart."""
    last = parts[-1] if parts else None
    if isinstance(part, TextPart) and isinstance(last, TextPart):
        parts[-1] = TextPart(last.text + part.text)
    elif isinstance(part, ReasoningPart) and isinstance(last, ReasoningPart):
        parts[-1] = ReasoningPart(last.text + part.text)
    elif part != TextPart("") or last is None:
        if last == TextPart(""):
            parts.pop()
        parts.append(part)


def _made_up(place: str) -> str:
    """An id for a call that came without: where it stands in the request."""
    digits = "".join(letter if letter.isdigit() else " " for letter in place).split()
    return "call_" + "_".join(digits)


def _outcome(response: Raw, place: str) -> tuple[str, bool]:
    """What a function returned, and whether it failed.

    A lone ``output`` or ``result`` is the outcome itself; a lone ``error`` says what went wrong.
    """
    text = "{}" if response == UNSENT else bytes(response).decode()
    if not text.startswith("{"):
        raise _refusal("response must be an object", place)
    members = _object.decode(text)
    if len(members) != 1:
        return text, "error" in members
    name, value = next(iter(members.items()))
    if name not in (*_OUTCOMES, "error"):
        return text, False
    inner = bytes(value)
    return (_texts.decode(inner) if inner[:1] == b'"' else inner.decode()), name == "error"


def _bytes(encoded: str, place: str) -> bytes:
    """Base64 in either alphabet, padded or not."""
    try:
        plain = encoded.encode("ascii").translate(_URL_SAFE)
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _refusal("Base64 decoding failed", place) from None


def _refusal(why: str, param: str) -> InvalidRequest:
    return InvalidRequest(f"* GenerateContentRequest.{param}: {why}.", param=param)
