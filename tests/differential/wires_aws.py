"""Bedrock by boto3: Converse, and the native bodies of InvokeModel."""

import base64
import json
from typing import Any

import boto3
from botocore.config import Config
from msgspec.structs import replace
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from differential import canon
from differential.heard import FEW, Heard, Reach
from differential.wires_openai import chat_settings, data_url, heard_chat
from kilonova.core.events import FinishReason

_REASONS: dict[str, FinishReason] = {
    "tool_use": "tool_calls",
    "end_turn": "stop",
    "max_tokens": "length",
}


def connect(reach: Reach) -> Any:
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=reach.url,
        region_name="us-east-1",
        aws_access_key_id=reach.access_key_id,
        aws_secret_access_key=reach.secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


def _say(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": text}]}


def _tool_config() -> dict[str, Any]:
    return {
        "tools": [
            {"toolSpec": {"name": name, "description": says, "inputSchema": {"json": schema}}}
            for name, says, schema in canon.TOOLS
        ]
    }


def _inference() -> dict[str, Any]:
    return {
        "maxTokens": canon.MAX_TOKENS,
        "temperature": canon.TEMPERATURE,
        "topP": canon.TOP_P,
        "stopSequences": [canon.STOP],
    }


def _results() -> dict[str, Any]:
    content = [
        {
            "toolResult": {
                "toolUseId": call_id,
                "content": [{"text": canon.RESULTS[call_id]}],
                "status": "error" if call_id == canon.FAILED else "success",
            }
        }
        for call_id, _, _ in canon.CALLS
    ]
    return {"role": "user", "content": content}


class Turns:
    """What both of Converse's forms share: a list of messages, and events that add up to one."""

    def __init__(self, reach: Reach) -> None:
        self._client = connect(reach)
        self._model = reach.model
        self._history: list[Any] = [_say(canon.QUESTION)]

    def ask(self, *, is_streamed: bool) -> Heard:
        return self._send(is_streamed)

    def answer(self, *, is_streamed: bool) -> Heard:
        self._history.append(_results())
        return self._send(is_streamed)

    def _send(self, is_streamed: bool) -> Heard:
        whole = self._create(self._asked() | {"messages": self._history}, is_streamed=is_streamed)
        self._history.append(whole["output"]["message"])
        return _heard(whole)

    def say(self, text: str, *, is_streamed: bool) -> Heard:
        asked = {"messages": [_say(text)], "inferenceConfig": {"maxTokens": FEW, "temperature": 0}}
        return _heard(self._create(asked, is_streamed=is_streamed))

    def leave(self, text: str) -> None:
        stream = self._stream({"messages": [_say(text)]})
        for event in stream:
            if "contentBlockDelta" in event:
                break
        self._close(stream)

    def close(self) -> None:
        self._client.close()

    def _create(self, asked: dict[str, Any], *, is_streamed: bool) -> dict[str, Any]:
        if is_streamed:
            return _put_together(list(self._stream(asked)))
        return self._whole(asked)

    def _image(self, png: bytes) -> dict[str, Any]:
        return {"image": {"format": "png", "source": {"bytes": png}}}

    def show(self, png: bytes) -> None:
        said = {"role": "user", "content": [{"text": "See:"}, self._image(png)]}
        self._whole({"messages": [said]})

    def _asked(self) -> dict[str, Any]:
        raise NotImplementedError

    def _whole(self, asked: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def _stream(self, asked: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _close(self, stream: Any) -> None:
        raise NotImplementedError


class Converse(Turns):
    def _asked(self) -> dict[str, Any]:
        schema = {"schema": json.dumps(canon.ANSWER_SCHEMA), "name": "answer"}
        form = {"type": "json_schema", "structure": {"jsonSchema": schema}}
        return {
            "system": [{"text": canon.SYSTEM}],
            "toolConfig": _tool_config(),
            "inferenceConfig": _inference(),
            "outputConfig": {"textFormat": form, "effort": "high"},
        }

    def _whole(self, asked: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.converse(modelId=self._model, **asked)
        return answer

    def _stream(self, asked: dict[str, Any]) -> Any:
        return self._client.converse_stream(modelId=self._model, **asked)["stream"]

    def _close(self, stream: Any) -> None:
        stream.close()


class InvokeTurns(Turns):
    """The body ``messages-v1``."""

    def _image(self, png: bytes) -> dict[str, Any]:
        encoded = base64.b64encode(png).decode()
        return {"image": {"format": "png", "source": {"bytes": encoded}}}

    def _asked(self) -> dict[str, Any]:
        return {
            "schemaVersion": "messages-v1",
            "system": [{"text": canon.SYSTEM}],
            "toolConfig": _tool_config(),
            "inferenceConfig": _inference()
            | {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}},
        }

    def _whole(self, asked: dict[str, Any]) -> dict[str, Any]:
        return invoke(self._client, self._model, asked)

    def _stream(self, asked: dict[str, Any]) -> Any:
        return invoke_stream(self._client, self._model, asked)

    def _close(self, stream: Any) -> None:
        stream.close()


class InvokeChat:
    """The bodies that are chat completions."""

    def __init__(self, reach: Reach) -> None:
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
        body = chat_settings() | {"messages": self._history}
        answer = self._create(body, is_streamed=is_streamed)
        self._history.append(answer.choices[0].message.to_dict())
        return _told_apart(heard_chat(answer))

    def say(self, text: str, *, is_streamed: bool) -> Heard:
        body: dict[str, Any] = {"messages": [{"role": "user", "content": text}]}
        body |= {"max_tokens": FEW, "temperature": 0}
        return heard_chat(self._create(body, is_streamed=is_streamed))

    def _create(self, body: dict[str, Any], *, is_streamed: bool) -> ChatCompletion:
        if not is_streamed:
            return ChatCompletion.model_validate(invoke(self._client, self._model, body))
        state: Any = ChatCompletionStreamState()
        for chunk in invoke_stream(self._client, self._model, body):
            state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
        whole: ChatCompletion = state.current_completion_snapshot
        return whole

    def show(self, png: bytes) -> None:
        image = {"type": "image_url", "image_url": {"url": data_url(png)}}
        content = [{"type": "text", "text": "See:"}, image]
        body = {"messages": [{"role": "user", "content": content}]}
        self._create(body, is_streamed=False)

    def leave(self, text: str) -> None:
        body = {"messages": [{"role": "user", "content": text}]}
        stream = invoke_stream(self._client, self._model, body)
        next(stream)
        stream.close()

    def close(self) -> None:
        self._client.close()


def _told_apart(heard: Heard) -> Heard:
    """One family writes its thoughts into the text."""
    opening, _, rest = heard.text.partition("<reasoning>")
    thought, closing, text = rest.partition("</reasoning>")
    if opening or not closing:
        return heard
    return replace(heard, thought=thought, text=text)


def invoke(client: Any, model: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.invoke_model(modelId=model, body=json.dumps(body))
    whole: dict[str, Any] = json.loads(answer["body"].read())
    return whole


def invoke_stream(client: Any, model: str, body: dict[str, Any]) -> Any:
    """The chunks as they come; closing this closes the connection."""
    stream = client.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))["body"]
    try:
        for event in stream:
            yield json.loads(event["chunk"]["bytes"])
    finally:
        stream.close()


def _put_together(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that the events amount to, in the form of the whole answer."""
    blocks: dict[int, dict[str, Any]] = {}
    whole: dict[str, Any] = {}
    for event in events:
        ((kind, told),) = [item for item in event.items() if isinstance(item[1], dict)][:1]
        if kind == "contentBlockStart" and "toolUse" in told["start"]:
            blocks[told["contentBlockIndex"]] = {
                "toolUse": told["start"]["toolUse"] | {"input": ""}
            }
        elif kind == "contentBlockDelta":
            _add(blocks.setdefault(told["contentBlockIndex"], {}), told["delta"])
        elif kind == "messageStop":
            whole["stopReason"] = told["stopReason"]
        elif kind == "metadata":
            whole["usage"] = told["usage"]
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"])
    content = [blocks[index] for index in sorted(blocks)]
    return whole | {"output": {"message": {"role": "assistant", "content": content}}}


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    elif "reasoningContent" in delta:
        held = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})
        for name, value in delta["reasoningContent"].items():
            held["reasoningText"][name] = held["reasoningText"].get(name, "") + value


def _heard(answer: dict[str, Any]) -> Heard:
    content = answer["output"]["message"]["content"]
    usage = answer["usage"]
    cached = usage.get("cacheReadInputTokens") or usage.get("cacheReadInputTokenCount") or 0
    thoughts = [b["reasoningContent"]["reasoningText"] for b in content if "reasoningContent" in b]
    calls = [block["toolUse"] for block in content if "toolUse" in block]
    return Heard(
        text="".join(block.get("text", "") for block in content),
        thought="".join(thought["text"] for thought in thoughts),
        calls=tuple((call["name"], call["input"]) for call in calls),
        reason=_REASONS[answer["stopReason"]],
        prompt_tokens=usage["inputTokens"] + cached,
        cached_tokens=cached,
        output_tokens=usage["outputTokens"],
        # This wire has no count of them.
        thought_tokens=0,
    )
