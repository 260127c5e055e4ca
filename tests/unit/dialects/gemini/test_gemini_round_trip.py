"""Any conversation, written on Google's wire in any of its spellings, is read as what it was."""

import base64
import json
import re
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kilonova.core.chat import (
    ChatRequest,
    ImagePart,
    Message,
    OutputFormat,
    Part,
    ReasoningPart,
    Sampling,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from kilonova.dialects.gemini.body import BodyDecoder
from kilonova.dialects.gemini.decode import decode_generate
from kilonova.dialects.gemini.schema import GenerateBody
from unit.dialects.gemini.gemini_world import ANY, SEAL

BODIES = BodyDecoder(GenerateBody)

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,8}", fullmatch=True)
documents = st.dictionaries(words, st.none() | st.booleans() | st.integers(-9, 9) | words)
schemas = st.dictionaries(names, st.sampled_from(["string", "integer"]), max_size=3).map(
    lambda kinds: {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in kinds.items()},
    }
)


def text_of(document: object) -> str:
    return json.dumps(document, ensure_ascii=False)


@st.composite
def turns(draw: st.DrawFn) -> list[Message]:
    """A question, or an answer with calls and all of their results; then what follows."""
    question: list[Part] = [TextPart(draw(words)) for _ in range(draw(st.integers(1, 2)))]
    if draw(st.booleans()):
        question.append(ImagePart("image/png", draw(st.binary(max_size=5))))
    messages = [Message("user", tuple(question))]
    answer: list[Part] = []
    if draw(st.booleans()):
        thought = draw(words)
        signature = draw(st.none() | st.just(SEAL.hide(thought)))
        answer.append(ReasoningPart(thought, signature))
    if draw(st.booleans()):
        answer.append(TextPart(draw(words)))
    calls = [
        ToolCallPart(f"c{index}", draw(names), text_of(draw(documents)))
        for index in range(draw(st.integers(0 if answer else 1, 2)))
    ]
    messages.append(Message("assistant", (*answer, *calls)))
    for call in calls:
        result = ToolResultPart(call.id, draw(words), draw(st.booleans()))
        messages.append(Message("tool", (result,)))
    return messages


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message("system", (TextPart(draw(words)),)))
    for turn in draw(st.lists(turns(), max_size=2)):
        messages += turn
    messages.append(Message("user", (TextPart(draw(words)),)))
    tools = tuple(
        Tool(name, draw(words), msgspec.Raw(text_of(draw(schemas)).encode()))
        for name in draw(st.lists(names, max_size=3, unique=True))
    )
    return ChatRequest(
        model="m",
        messages=tuple(messages),
        tools=tools,
        tool_choice=draw(choices(tools)),
        output_format=draw(st.just(OutputFormat()) | formats()),
        sampling=draw(samplings()),
        max_output_tokens=draw(st.none() | st.integers(1, 99)),
        top_logprobs=draw(st.none() | st.integers(0, 3)),
    )


@st.composite
def choices(draw: st.DrawFn, tools: tuple[Tool, ...]) -> ToolChoice:
    if not tools or draw(st.booleans()):
        return ToolChoice()
    if draw(st.booleans()):
        return ToolChoice("none")
    some = draw(st.lists(st.sampled_from([tool.name for tool in tools]), unique=True))
    return ToolChoice("required", tuple(some))


def formats() -> st.SearchStrategy[OutputFormat]:
    schema = schemas.map(
        lambda one: OutputFormat("json_schema", msgspec.Raw(text_of(one).encode()))
    )
    return st.just(OutputFormat("json_object")) | schema


def samplings() -> st.SearchStrategy[Sampling]:
    return st.builds(
        Sampling,
        temperature=st.none() | st.floats(0, 2),
        top_p=st.none() | st.floats(0, 1),
        top_k=st.none() | st.integers(1, 99),
        seed=st.none() | st.integers(-(2**31), 2**31),
        presence_penalty=st.none() | st.floats(-2, 2),
        frequency_penalty=st.none() | st.floats(-2, 2),
        stop=st.lists(words, max_size=5).map(tuple),
    )


class Writer:
    """Writes a request as a client would; ``spell`` spells the names of fields."""

    def __init__(self, *, is_snake: bool) -> None:
        self._is_snake = is_snake

    def message(self, **fields: Any) -> dict[str, Any]:
        return {self._name(name): value for name, value in fields.items() if value is not None}

    def _name(self, name: str) -> str:
        return name if self._is_snake else re.sub(r"_(\w)", lambda found: found[1].upper(), name)

    def body(self, request: ChatRequest) -> dict[str, Any]:
        first = request.messages[0]
        has_system = first.role == "system"
        said = request.messages[1:] if has_system else request.messages
        calls = {
            part.id: part.name
            for message in said
            for part in message.parts
            if isinstance(part, ToolCallPart)
        }
        return self.message(
            system_instruction=self._content(first, calls) if has_system else None,
            contents=[self._content(message, calls) for message in said],
            tools=[self.message(function_declarations=[self._tool(one) for one in request.tools])],
            tool_config=self.message(function_calling_config=self._choice(request.tool_choice)),
            generation_config=self._settings(request),
        )

    def _content(self, message: Message, calls: dict[str, str]) -> dict[str, Any]:
        role = "model" if message.role == "assistant" else "user"
        parts = [self._part(part, calls) for part in message.parts]
        return {"parts": parts} if message.role == "system" else {"role": role, "parts": parts}

    def _part(self, part: Part, calls: dict[str, str]) -> dict[str, Any]:
        match part:
            case TextPart():
                return self.message(text=part.text)
            case ReasoningPart():
                return self.message(text=part.text, thought=True, thought_signature=part.signature)
            case ImagePart():
                encoded = base64.urlsafe_b64encode(part.content).decode()
                blob = self.message(mime_type=part.media_type, data=encoded)
                return self.message(inline_data=blob)
            case ToolCallPart():
                arguments = json.loads(part.arguments)
                return self.message(
                    function_call=self.message(id=part.id, name=part.name, args=arguments)
                )
            case ToolResultPart():
                response = {"error" if part.is_error else "output": part.text}
                return self.message(
                    function_response=self.message(
                        id=part.call_id, name=calls[part.call_id], response=response
                    )
                )

    def _tool(self, tool: Tool) -> dict[str, Any]:
        return self.message(
            name=tool.name,
            description=tool.description,
            parameters_json_schema=json.loads(bytes(tool.parameters)),
        )

    def _choice(self, choice: ToolChoice) -> dict[str, Any]:
        mode = {"auto": "AUTO", "none": "NONE", "required": "ANY"}[choice.mode]
        return self.message(mode=mode, allowed_function_names=list(choice.names) or None)

    def _settings(self, request: ChatRequest) -> dict[str, Any]:
        wanted, sampling = request.output_format, request.sampling
        schema = json.loads(bytes(wanted.schema)) if wanted.schema is not None else None
        return self.message(
            response_mime_type=None if wanted.kind == "text" else "application/json",
            response_json_schema=schema,
            max_output_tokens=request.max_output_tokens,
            response_logprobs=request.top_logprobs is not None,
            logprobs=request.top_logprobs,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            seed=sampling.seed,
            presence_penalty=sampling.presence_penalty,
            frequency_penalty=sampling.frequency_penalty,
            stop_sequences=list(sampling.stop),
        )


def canonical(request: ChatRequest) -> Any:
    """The request as values: JSON inside of it counts by what it says, not by its blanks."""
    plain = json.loads(msgspec.json.encode(request))
    for message in plain["messages"]:
        for part in message["parts"]:
            if "arguments" in part:
                part["arguments"] = json.loads(part["arguments"])
    return plain


@settings(max_examples=60, deadline=None)
@given(requests(), st.booleans())
def test_a_request_comes_back_as_it_was(request: ChatRequest, is_snake: bool) -> None:
    """Protects callers: decoding undoes what a client writes, in camel case and in snake case."""
    wire = json.dumps(Writer(is_snake=is_snake).body(request)).encode()
    decoded = decode_generate(BODIES.decode(wire), ANY, SEAL)
    assert canonical(decoded.request) == canonical(request)
    assert decoded.ignored == ()
