"""OpenAI's chat completions and responses by the official SDK, in each cloud that serves them."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import openai
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from differential import canon
from differential.heard import FEW, Heard, Reach
from kilonova.core.events import FinishReason

_REASONS: dict[str, FinishReason] = {"tool_calls": "tool_calls", "stop": "stop", "length": "length"}


def plain(reach: Reach) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{reach.url}/v1", api_key=reach.bearer, max_retries=0)


def deepseek(reach: Reach) -> openai.OpenAI:
    return openai.OpenAI(base_url=reach.url, api_key=reach.bearer, max_retries=0)


def azure(reach: Reach) -> openai.AzureOpenAI:
    return openai.AzureOpenAI(
        azure_endpoint=reach.url,
        api_key=reach.bearer,
        api_version="2024-10-21",
        max_retries=0,
    )


def signed(reach: Reach) -> openai.BedrockOpenAI:
    return openai.BedrockOpenAI(
        base_url=f"{reach.url}/openai/v1",
        aws_region="us-east-1",
        aws_access_key_id=reach.access_key_id,
        aws_secret_access_key=reach.secret,
        max_retries=0,
    )


def data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


class Chat:
    """``connect`` makes the client: the wire is one, its addresses are several."""

    def __init__(self, reach: Reach, connect: Callable[[Reach], openai.OpenAI]) -> None:
        self._client = connect(reach)
        self._model = reach.model
        self._history: list[Any] = [
            {"role": "system", "content": canon.SYSTEM},
            {"role": "user", "content": canon.QUESTION},
        ]

    def ask(self, *, is_streamed: bool) -> Heard:
        return self._send(is_streamed)

    def answer(self, *, is_streamed: bool) -> Heard:
        for call_id, _, _ in canon.CALLS:
            result = {"role": "tool", "tool_call_id": call_id, "content": canon.RESULTS[call_id]}
            self._history.append(result)
        return self._send(is_streamed)

    def _send(self, is_streamed: bool) -> Heard:
        asked = chat_settings() | {"model": self._model, "messages": self._history}
        answer = _complete(self._client, asked, is_streamed=is_streamed)
        message = answer.choices[0].message
        self._history.append(message.to_dict())
        return heard_chat(answer)

    def say(self, text: str, *, is_streamed: bool) -> Heard:
        messages = [{"role": "user", "content": text}]
        asked: dict[str, Any] = {"model": self._model, "messages": messages}
        asked |= {"max_completion_tokens": FEW, "temperature": 0}
        return heard_chat(_complete(self._client, asked, is_streamed=is_streamed))

    def show(self, png: bytes) -> None:
        image = {"type": "image_url", "image_url": {"url": data_url(png)}}
        messages: Any = [{"role": "user", "content": [{"type": "text", "text": "See:"}, image]}]
        self._client.chat.completions.create(model=self._model, messages=messages)

    def leave(self, text: str) -> None:
        messages: Any = [{"role": "user", "content": text}]
        stream = self._client.chat.completions.create(
            model=self._model, messages=messages, stream=True
        )
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        stream.close()

    def close(self) -> None:
        self._client.close()


def chat_settings() -> dict[str, Any]:
    form = {"name": "answer", "schema": canon.ANSWER_SCHEMA, "strict": True}
    return {
        "tools": [
            {
                "type": "function",
                "function": {"name": name, "description": says, "parameters": schema},
            }
            for name, says, schema in canon.TOOLS
        ],
        "response_format": {"type": "json_schema", "json_schema": form},
        "max_completion_tokens": canon.MAX_TOKENS,
        "temperature": canon.TEMPERATURE,
        "top_p": canon.TOP_P,
        "stop": [canon.STOP],
        "reasoning_effort": "high",
    }


def _complete(client: openai.OpenAI, asked: dict[str, Any], *, is_streamed: bool) -> Any:
    if not is_streamed:
        return client.chat.completions.create(**asked)
    state: Any = ChatCompletionStreamState()
    more: Any = {"stream": True, "stream_options": {"include_usage": True}}
    for chunk in client.chat.completions.create(**asked, **more):
        state.handle_chunk(chunk)
    return state.current_completion_snapshot


def heard_chat(answer: ChatCompletion) -> Heard:
    (choice,) = answer.choices
    message, usage = choice.message, answer.usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    calls: Sequence[Any] = message.tool_calls or ()
    return Heard(
        text=message.content or "",
        thought=getattr(message, "reasoning_content", None) or "",
        calls=tuple((call.function.name, json.loads(call.function.arguments)) for call in calls),
        reason=_REASONS[choice.finish_reason],
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.prompt_tokens_details.cached_tokens or 0,
        output_tokens=usage.completion_tokens,
        thought_tokens=usage.completion_tokens_details.reasoning_tokens or 0,
    )


class Responses:
    """Each turn goes back as the items that the SDK made of it."""

    def __init__(self, reach: Reach, connect: Callable[[Reach], openai.OpenAI]) -> None:
        self._client = connect(reach)
        self._model = reach.model
        self._items: list[Any] = [{"role": "user", "content": canon.QUESTION}]

    def ask(self, *, is_streamed: bool) -> Heard:
        return self._send(is_streamed)

    def answer(self, *, is_streamed: bool) -> Heard:
        for call_id, _, _ in canon.CALLS:
            result = {"type": "function_call_output", "call_id": call_id}
            self._items.append(result | {"output": canon.RESULTS[call_id]})
        return self._send(is_streamed)

    def _send(self, is_streamed: bool) -> Heard:
        form = {"type": "json_schema", "name": "answer", "schema": canon.ANSWER_SCHEMA}
        asked = {
            "model": self._model,
            "instructions": canon.SYSTEM,
            "input": self._items,
            "tools": [
                {"type": "function", "name": name, "description": says, "parameters": schema}
                | {"strict": False}
                for name, says, schema in canon.TOOLS
            ],
            "text": {"format": form},
            "max_output_tokens": canon.MAX_TOKENS,
            "temperature": canon.TEMPERATURE,
            "top_p": canon.TOP_P,
            "reasoning": {"effort": "high"},
            "store": False,
            "include": ["reasoning.encrypted_content"],
        }
        answer = _respond(self._client, asked, is_streamed=is_streamed)
        self._items += [item.to_dict() for item in answer.output]
        return _heard_response(answer)

    def say(self, text: str, *, is_streamed: bool) -> Heard:
        asked = {"model": self._model, "input": text, "store": False}
        asked |= {"max_output_tokens": FEW, "temperature": 0}
        return _heard_response(_respond(self._client, asked, is_streamed=is_streamed))

    def show(self, png: bytes) -> None:
        image = {"type": "input_image", "image_url": data_url(png), "detail": "auto"}
        content = [{"type": "input_text", "text": "See:"}, image]
        said: Any = [{"role": "user", "content": content}]
        self._client.responses.create(model=self._model, input=said, store=False)

    def leave(self, text: str) -> None:
        stream = self._client.responses.create(model=self._model, input=text, stream=True)
        for event in stream:
            if event.type == "response.output_text.delta":
                break
        stream.close()

    def close(self) -> None:
        self._client.close()


def _respond(client: openai.OpenAI, asked: dict[str, Any], *, is_streamed: bool) -> Response:
    if not is_streamed:
        whole: Response = client.responses.create(**asked)
        return whole
    events: list[Any] = list(client.responses.create(**asked, stream=True))
    answer: Response = events[-1].response
    said = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(said) == answer.output_text
    return answer


def _heard_response(answer: Response) -> Heard:
    items = [item.to_dict() for item in answer.output]
    thoughts = [item for item in items if item["type"] == "reasoning"]
    calls = [item for item in items if item["type"] == "function_call"]
    usage = answer.usage
    assert usage is not None
    reason: FinishReason = "length" if answer.status == "incomplete" else "stop"
    return Heard(
        text=answer.output_text,
        thought="".join(part["text"] for item in thoughts for part in item["content"]),  # type: ignore[attr-defined]
        calls=tuple((str(call["name"]), json.loads(str(call["arguments"]))) for call in calls),
        reason="tool_calls" if calls else reason,
        prompt_tokens=usage.input_tokens,
        cached_tokens=usage.input_tokens_details.cached_tokens,
        output_tokens=usage.output_tokens,
        thought_tokens=usage.output_tokens_details.reasoning_tokens,
    )
