"""Anthropic's messages by the official SDK: its own API, signed for AWS, and below Vertex AI."""

import base64
from collections.abc import Callable
from typing import Any

import anthropic
from anthropic.types import Message

from differential import canon
from differential.heard import FEW, Heard, Reach
from kilonova.core.events import FinishReason

_REASONS: dict[str, FinishReason] = {
    "tool_use": "tool_calls",
    "end_turn": "stop",
    "max_tokens": "length",
}


def plain(reach: Reach) -> Any:
    return anthropic.Anthropic(base_url=reach.url, api_key=reach.bearer, max_retries=0)


def bedrock(reach: Reach) -> Any:
    return anthropic.AnthropicBedrock(
        base_url=reach.url,
        aws_access_key=reach.access_key_id,
        aws_secret_key=reach.secret,
        aws_region="us-east-1",
        max_retries=0,
    )


def vertex(reach: Reach) -> Any:
    return anthropic.AnthropicVertex(
        base_url=f"{reach.url}/v1",
        project_id="any",
        region="any",
        access_token=reach.bearer,
        max_retries=0,
    )


class Messages:
    def __init__(self, reach: Reach, connect: Callable[[Reach], Any]) -> None:
        self._client = connect(reach)
        self._model = reach.model
        self._history: list[Any] = [{"role": "user", "content": canon.QUESTION}]

    def ask(self, *, is_streamed: bool) -> Heard:
        return self._send(is_streamed)

    def answer(self, *, is_streamed: bool) -> Heard:
        results = [
            {
                "type": "tool_result",
                "tool_use_id": call_id,
                "content": canon.RESULTS[call_id],
                "is_error": call_id == canon.FAILED,
            }
            for call_id, _, _ in canon.CALLS
        ]
        self._history.append({"role": "user", "content": results})
        return self._send(is_streamed)

    def _send(self, is_streamed: bool) -> Heard:
        form = {"type": "json_schema", "schema": canon.ANSWER_SCHEMA}
        asked = {
            "system": canon.SYSTEM,
            "messages": self._history,
            "tools": [
                {"name": name, "description": says, "input_schema": schema}
                for name, says, schema in canon.TOOLS
            ],
            "output_config": {"effort": "high", "format": form},
            "max_tokens": canon.MAX_TOKENS,
            "stop_sequences": [canon.STOP],
            # The newest clients have no arguments for these two.
            "extra_body": {"temperature": canon.TEMPERATURE, "top_p": canon.TOP_P},
        }
        answer = self._create(asked, is_streamed=is_streamed)
        turn = [block.to_dict() for block in answer.content]
        self._history.append({"role": "assistant", "content": turn})
        return _heard(answer)

    def say(self, text: str, *, is_streamed: bool) -> Heard:
        asked: dict[str, Any] = {"messages": [{"role": "user", "content": text}], "max_tokens": FEW}
        asked["extra_body"] = {"temperature": 0}
        return _heard(self._create(asked, is_streamed=is_streamed))

    def _create(self, asked: dict[str, Any], *, is_streamed: bool) -> Message:
        if not is_streamed:
            whole: Message = self._client.messages.create(model=self._model, **asked)
            return whole
        with self._client.messages.stream(model=self._model, **asked) as stream:
            final: Message = stream.get_final_message()
        return final

    def show(self, png: bytes) -> None:
        encoded = base64.b64encode(png).decode()
        source = {"type": "base64", "media_type": "image/png", "data": encoded}
        content = [{"type": "text", "text": "See:"}, {"type": "image", "source": source}]
        self._create(
            {"messages": [{"role": "user", "content": content}], "max_tokens": FEW},
            is_streamed=False,
        )

    def leave(self, text: str) -> None:
        messages = [{"role": "user", "content": text}]
        stream = self._client.messages.create(
            model=self._model, messages=messages, max_tokens=4000, stream=True
        )
        for event in stream:
            if event.type == "content_block_delta":
                break
        stream.close()

    def close(self) -> None:
        self._client.close()


def _heard(answer: Message) -> Heard:
    usage = answer.usage
    cached = usage.cache_read_input_tokens or 0
    details = usage.output_tokens_details
    return Heard(
        text="".join(block.text for block in answer.content if block.type == "text"),
        thought="".join(block.thinking for block in answer.content if block.type == "thinking"),
        calls=tuple((b.name, b.input) for b in answer.content if b.type == "tool_use"),
        reason=_REASONS[str(answer.stop_reason)],
        prompt_tokens=usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0),
        cached_tokens=cached,
        output_tokens=usage.output_tokens,
        thought_tokens=details.thinking_tokens if details is not None else 0,
    )
