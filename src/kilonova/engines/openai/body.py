"""A chat request as the JSON body of chat completions: pure, and without any server's extras."""

import base64

from kilonova.core.chat import (
    ChatRequest,
    ImagePart,
    Message,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

__all__ = [
    "Body",
    "chat_body",
    "completion_body",
    "encode_message",
    "encode_tool",
    "encode_tool_choice",
]

Body = dict[str, object]


def chat_body(
    request: ChatRequest, model: str, *, tells_thoughts: bool = False, is_streamed: bool = True
) -> Body:
    """Everything that the protocol has a word for; a streamed answer with usage at its end.

    ``tells_thoughts``: whether the reasoning of earlier answers is sent along.
    """
    body = _opening(request, model, is_streamed=is_streamed)
    body["messages"] = [
        encode_message(message, tells_thoughts=tells_thoughts) for message in request.messages
    ]
    if request.top_logprobs is not None:
        body["logprobs"] = True
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs
    if request.tools:
        body["tools"] = [encode_tool(tool) for tool in request.tools]
        body["tool_choice"] = encode_tool_choice(request)
        body["parallel_tool_calls"] = request.can_call_in_parallel
    _add_format(body, request)
    _add_sampling(body, request)
    return body


def completion_body(request: ChatRequest, model: str, *, is_streamed: bool = True) -> Body:
    """As ``chat_body``, for a prompt that is continued as it stands."""
    body = _opening(request, model, is_streamed=is_streamed)
    body["prompt"] = request.prompt
    if request.top_logprobs is not None:
        body["logprobs"] = request.top_logprobs
    _add_sampling(body, request)
    return body


def _opening(request: ChatRequest, model: str, *, is_streamed: bool) -> Body:
    body: Body = {"model": model, "stream": is_streamed}
    if is_streamed:
        body["stream_options"] = {"include_usage": True}
    if request.max_output_tokens is not None:
        body["max_tokens"] = request.max_output_tokens
    return body


def encode_message(message: Message, *, tells_thoughts: bool = False) -> Body:
    """One message. Reasoning of earlier turns is left out, as most chat templates leave it out."""
    body: Body = {"role": message.role}
    if message.name is not None:
        body["name"] = message.name
    if message.role == "tool":
        return body | _tool_result(message)
    body["content"] = _content(message)
    if tells_thoughts and (thought := _thought(message)):
        body["reasoning_content"] = thought
    calls = [_tool_call(part) for part in message.parts if isinstance(part, ToolCallPart)]
    if calls:
        body["tool_calls"] = calls
        body["content"] = body["content"] or None
    return body


def encode_tool(tool: Tool) -> Body:
    """A function with its parameters as the caller wrote them."""
    function: Body = {"name": tool.name, "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.is_strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def encode_tool_choice(request: ChatRequest) -> str | Body:
    """A mode, one tool by its name, or a mode with the tools that are allowed."""
    choice = request.tool_choice
    if choice.mode == "required" and len(choice.names) == 1:
        return {"type": "function", "function": {"name": choice.names[0]}}
    if choice.names and choice.mode != "none":
        allowed = [{"type": "function", "function": {"name": name}} for name in choice.names]
        return {
            "type": "allowed_tools",
            "allowed_tools": {"mode": choice.mode, "tools": allowed},
        }
    return choice.mode


def _thought(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, ReasoningPart))


def _content(message: Message) -> str | list[Body]:
    """One text, unless an image makes a list necessary: not every template reads lists."""
    if not any(isinstance(part, ImagePart) for part in message.parts):
        return message.text
    content: list[Body] = []
    for part in message.parts:
        if isinstance(part, TextPart):
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, ImagePart):
            encoded = base64.b64encode(part.content).decode()
            url = f"data:{part.media_type};base64,{encoded}"
            content.append({"type": "image_url", "image_url": {"url": url}})
    return content


def _tool_call(part: ToolCallPart) -> Body:
    function = {"name": part.name, "arguments": part.arguments or "{}"}
    return {"id": part.id, "type": "function", "function": function}


def _tool_result(message: Message) -> Body:
    """The protocol has no word for a failed call, so the text says it."""
    results = [part for part in message.parts if isinstance(part, ToolResultPart)]
    assert results, "a tool message holds a tool result"
    text = "\n".join(f"Error: {one.text}" if one.is_error else one.text for one in results)
    return {"tool_call_id": results[0].call_id, "content": text}


def _add_format(body: Body, request: ChatRequest) -> None:
    wanted = request.output_format
    if wanted.kind == "json_object":
        body["response_format"] = {"type": "json_object"}
    elif wanted.kind == "json_schema":
        schema = {"name": wanted.name, "schema": wanted.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}


def _add_sampling(body: Body, request: ChatRequest) -> None:
    sampling = request.sampling
    given = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    body.update({name: value for name, value in given.items() if value is not None})
    if sampling.logit_bias:
        body["logit_bias"] = {str(token): bias for token, bias in sampling.logit_bias}
    if sampling.stop:
        body["stop"] = list(sampling.stop)
