"""What becomes of every field of Google's messages: honoured, ignored or refused.

A hint that is ignored is listed in the ``x-kilonova-ignored`` header of the answer; what would
change the answer and cannot be honoured is refused by name. A field that is in neither list is
honoured. A test compares the messages with the SDK's own types, so that none is missing.
"""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import NamedTuple

from msgspec import Raw, Struct
from msgspec.structs import fields

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.gemini.schema import UNSENT

__all__ = ["IGNORED", "REFUSED", "honoured", "ignored_fields", "is_sent", "refuse_fields"]

_NO_CODE = "No code runs on the server; offer a function that runs it."
_NO_SEARCH = "Nothing is searched or fetched here; offer a function that does it."
_NO_MEDIA = "Only text is generated here."

REFUSED: dict[str, dict[str, str]] = {
    "FunctionCall": {
        "partialArgs": "Send a call with all of its arguments in 'args'.",
    },
    "FunctionResponse": {
        "parts": "A function's response may hold JSON alone; send media as parts of their own.",
    },
    "Part": {
        "codeExecutionResult": _NO_CODE,
        "executableCode": _NO_CODE,
        "fileData": "Files are not fetched here; send the text, or an image as 'inlineData'.",
        "toolCall": "No tools run on the server.",
        "toolResponse": "No tools run on the server.",
    },
    "Tool": {
        "codeExecution": _NO_CODE,
        "computerUse": "No computer is controlled from here.",
        "enterpriseWebSearch": _NO_SEARCH,
        "exaAiSearch": _NO_SEARCH,
        "fileSearch": _NO_SEARCH,
        "googleMaps": _NO_SEARCH,
        "googleSearch": _NO_SEARCH,
        "googleSearchRetrieval": _NO_SEARCH,
        "mcpServers": "No tools run on the server; let the client call the MCP server.",
        "parallelAiSearch": _NO_SEARCH,
        "retrieval": _NO_SEARCH,
        "urlContext": _NO_SEARCH,
    },
    "GenerationConfig": {
        "audioTranscriptionConfig": _NO_MEDIA,
        "enableAffectiveDialog": _NO_MEDIA,
        "imageConfig": _NO_MEDIA,
        "responseFormat": "Use 'responseMimeType' and 'responseJsonSchema'.",
        "routingConfig": "Name the model itself.",
        "speechConfig": _NO_MEDIA,
        "translationConfig": _NO_MEDIA,
    },
    "GenerateBody": {
        "cachedContent": "Send the contents themselves; prefixes are cached without being asked.",
        "continuationToken": "Answers are not continued here; ask again.",
        "generationOutputConfig": "Answers are not written elsewhere.",
        "modelArmorConfig": "Guardrails are set by the operator, not by a request.",
    },
    "CountBody": {"instances": "Use 'contents'."},
    "EmbedContentConfig": {
        "audioTrackExtraction": "Only text is embedded here.",
        "documentOcr": "Only text is embedded here.",
    },
}

_EMPTY = (Raw(b"{}"), Raw(b"[]"))

_DEPICTS = "describes media, of which only images are read, as they are"
_NO_TRUNCATION = "a text that is too long is refused, never cut"
_ANY_TASK = "one vector serves every task"

IGNORED: dict[str, dict[str, str]] = {
    "Blob": {"displayName": "names nothing that a model sees"},
    "FunctionCall": {"willContinue": "a call is always whole"},
    "FunctionResponse": {
        "scheduling": "a model answers as soon as it is asked",
        "willContinue": "a response is always whole",
    },
    "Part": {
        "audioMetadata": _DEPICTS,
        "audioTranscription": _DEPICTS,
        "documentMetadata": _DEPICTS,
        "mediaProcessing": _DEPICTS,
        "mediaResolution": _DEPICTS,
        "partMetadata": "not shown to a model",
        "speechMetadata": _DEPICTS,
        "spreadsheetMetadata": _DEPICTS,
        "videoMetadata": _DEPICTS,
    },
    "FunctionDeclaration": {
        "response": "models are told what a function takes, not what it returns",
        "responseJsonSchema": "models are told what a function takes, not what it returns",
    },
    "FunctionCallingConfig": {
        "streamFunctionCallArguments": "a call is streamed whole",
    },
    "ToolConfig": {
        "includeServerSideToolInvocations": "no tools run on the server",
        "retrievalConfig": "nothing is retrieved",
    },
    "GenerationConfig": {
        "audioTimestamp": _DEPICTS,
        "enableEnhancedCivicAnswers": "answers are the same for all topics",
        "mediaResolution": _DEPICTS,
        "modelSelectionConfig": "the model named is the one that answers",
    },
    "GenerateBody": {
        "labels": "usage is counted by key and project",
        "safetySettings": "guardrails are set by the operator",
        "store": "requests are not stored",
    },
    "EmbedBody": {
        "autoTruncate": _NO_TRUNCATION,
        "taskType": _ANY_TASK,
        "title": "send the title as part of the text",
    },
    "EmbedContentConfig": {
        "autoTruncate": _NO_TRUNCATION,
        "taskType": _ANY_TASK,
        "title": "send the title as part of the text",
    },
    "Instance": {
        "mimeType": "texts are texts",
        "taskType": _ANY_TASK,
        "title": "send the title as part of the text",
    },
    "PredictParameters": {"autoTruncate": _NO_TRUNCATION},
}


def is_sent(value: object) -> bool:
    """Whether a field was sent with a value; false and empty ask for nothing, zero does."""
    return value is not False and value not in (None, "", UNSENT, *_EMPTY)


def refuse_fields(message: Struct, place: str) -> None:
    """Raises InvalidRequest for the first field that cannot be honoured."""
    watch = _watch(type(message), is_refused=True)
    if watch is None or watch.read(message) == watch.unsent:
        return
    for name, attribute in watch.fields:
        value = getattr(message, attribute)
        # An empty message chooses a tool or a feature already.
        if is_sent(value) or value == _EMPTY[0]:
            path = f"{place}.{name}".removeprefix(".")
            raise InvalidRequest(
                f"Invalid value at '{path}': not supported here. "
                f"{REFUSED[type(message).__name__][name]}",
                param=path,
            )


def ignored_fields(message: Struct, place: str) -> list[str]:
    """The hints in this message that change nothing, by their paths."""
    watch = _watch(type(message), is_refused=False)
    if watch is None or watch.read(message) == watch.unsent:
        return []
    return [
        f"{place}.{name}".removeprefix(".")
        for name, attribute in watch.fields
        if is_sent(getattr(message, attribute))
    ]


def honoured(kind: type[Struct]) -> list[str]:
    """The fields that do what Google says they do."""
    shape = kind.__name__
    rest = {*REFUSED.get(shape, ()), *IGNORED.get(shape, ())}
    return [field.encode_name for field in fields(kind) if field.encode_name not in rest]


class _Watch(NamedTuple):
    """Fields by wire name and attribute, all of them read at once, and how they are when unsent:
    hardly a message has any, and a long conversation has many messages."""

    fields: tuple[tuple[str, str], ...]
    read: Callable[[Struct], object]
    unsent: object


@cache
def _watch(kind: type[Struct], *, is_refused: bool) -> _Watch | None:
    names = (REFUSED if is_refused else IGNORED).get(kind.__name__)
    if not names:
        return None
    known = {field.encode_name: field for field in fields(kind)}
    found = [known[name] for name in names]
    unsent = tuple(field.default for field in found)
    return _Watch(
        fields=tuple((field.encode_name, field.name) for field in found),
        read=attrgetter(*(field.name for field in found)),
        unsent=unsent if len(unsent) > 1 else unsent[0],
    )
