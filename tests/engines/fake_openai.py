"""A small chat-completions server for tests of ``upstream``; the echo engine answers in it."""

import asyncio
import json
from typing import Any

import msgspec
from aiohttp import web

from kilonova.core.chat import (
    ChatRequest,
    Message,
    OutputFormat,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolChoice,
)
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import ContextTooLong, EngineFailed, KilonovaError, Overloaded
from kilonova.core.events import (
    ChatAnswer,
    ChatEvent,
    ChatFinished,
    ChatStarted,
    ChoiceFinished,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
    fold,
)
from kilonova.core.usage import Usage
from kilonova.engines.echo import Echo

__all__ = ["FakeOpenAi"]

_REASONS = {"stop_sequence": "stop"}


class FakeOpenAi:
    """Counts what it is asked; ``refuse_with`` makes every answer this status and body, and whole
    answers say what they used while ``tells_usage``."""

    def __init__(self, echo: Echo) -> None:
        self.echo = echo
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.refuse_with: tuple[int, dict[str, Any], dict[str, str]] | None = None
        self.tells_usage = True
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embed)
        app.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(app, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": []})

    async def _embed(self, request: web.Request) -> web.Response:
        body = await request.json()
        answer = await self.echo.embed(
            EmbeddingRequest(
                model="m", texts=tuple(body["input"]), dimensions=body.get("dimensions")
            )
        )
        found = [{"index": i, "embedding": v} for i, v in enumerate(answer.vectors)]
        return web.json_response({"data": found, "usage": {"prompt_tokens": answer.input_tokens}})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        if self.refuse_with:
            status, refusal, headers = self.refuse_with
            return web.json_response(refusal, status=status, headers=headers)
        events = self.echo.chat(_decode(body))
        try:
            await anext(events)
            first = await anext(events)
        except KilonovaError as error:
            return _refusal(error)
        if not body["stream"]:
            return await self._whole(first, events, is_raw="prompt" in body)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await self._send(response, first, events, is_raw="prompt" in body)
        except EngineFailed as error:
            if "CUT" in str(body):
                request.transport.abort()  # type: ignore[union-attr]
            else:
                await _write(response, {"error": {"message": error.message, "code": 500}})
        finally:
            await events.aclose()
        return response

    async def _whole(self, first: ChatEvent, events: Any, *, is_raw: bool) -> web.Response:
        try:
            answer = fold([first, *[event async for event in events]])
        except EngineFailed as error:
            return web.json_response({"error": {"message": error.message, "code": 500}})
        finally:
            await events.aclose()
        document = _encode_whole(answer, is_raw=is_raw)
        if not self.tells_usage:
            del document["usage"]
        return web.json_response(document)

    async def _send(
        self, response: web.StreamResponse, first: ChatEvent, events: Any, *, is_raw: bool
    ) -> None:
        await _write(response, {"choices": [{"index": 0, "delta": {"role": "assistant"}}]})
        await response.write(b": keep-alive\n\n")
        async for event in events:
            await _write(response, _encode_raw(event) if is_raw else _encode(event))
            await asyncio.sleep(0)
        await response.write(b"data: [DONE]\n\n")


async def _write(response: web.StreamResponse, chunk: dict[str, Any]) -> None:
    await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")


def _refusal(error: KilonovaError) -> web.Response:
    if isinstance(error, ContextTooLong):
        message = (
            f"This model's maximum context length is {error.context_tokens} tokens. However, your "
            f"messages resulted in {error.input_tokens} tokens."
        )
        refusal = {"error": {"message": message, "code": "context_length_exceeded"}}
        return web.json_response(refusal, status=400)
    status = 503 if isinstance(error, Overloaded) else 500
    return web.json_response({"error": {"message": error.message}}, status=status)


def _decode(body: dict[str, Any]) -> ChatRequest:
    if "prompt" in body:
        return ChatRequest(
            model=body["model"],
            prompt=body["prompt"],
            sampling=Sampling(stop=tuple(body.get("stop", ()))),
            max_output_tokens=body.get("max_tokens"),
            top_logprobs=body.get("logprobs"),
        )
    choice = body.get("tool_choice", "auto")
    forced = ToolChoice(choice) if isinstance(choice, str) else None
    wanted = body.get("response_format", {"type": "text"})
    schema = wanted.get("json_schema", {}).get("schema")
    return ChatRequest(
        model=body["model"],
        messages=tuple(
            Message(one["role"], (TextPart(one["content"] or ""),)) for one in body["messages"]
        ),
        continues_last=body.get("continue_final_message", False),
        thinking=Thinking(
            is_on=body.get("chat_template_kwargs", {}).get("enable_thinking"),
            budget_tokens=body.get("thinking_budget"),
        ),
        tools=tuple(
            Tool(
                tool["function"]["name"],
                parameters=msgspec.Raw(json.dumps(tool["function"]["parameters"]).encode()),
            )
            for tool in body.get("tools", ())
        ),
        tool_choice=forced or ToolChoice("required", (choice["function"]["name"],)),
        output_format=OutputFormat(
            wanted["type"], None if schema is None else msgspec.Raw(json.dumps(schema).encode())
        ),
        sampling=Sampling(stop=tuple(body.get("stop", ()))),
        max_output_tokens=body.get("max_tokens") or body.get("max_completion_tokens"),
        top_logprobs=body.get("top_logprobs", 0) if body.get("logprobs") else None,
    )


def _encode_raw(event: ChatEvent) -> dict[str, Any]:
    """As completions are written: text in the place of a delta, log-probabilities in lists."""
    chunk = _encode(event)
    if isinstance(event, TextDelta):
        chunk["choices"] = [{"index": 0, "text": event.text}]
        if event.logprobs:
            entry = event.logprobs[0]
            chunk["choices"][0]["logprobs"] = {
                "tokens": [entry.token],
                "token_logprobs": [entry.logprob],
                "top_logprobs": [{one.token: one.logprob for one in entry.alternatives}],
                "text_offset": [0],
            }
    return chunk


def _encode_whole(answer: ChatAnswer, *, is_raw: bool) -> dict[str, Any]:
    """Tool calls have no index where an answer is whole."""
    [one] = answer.choices
    message: dict[str, Any] = {"role": "assistant", "content": one.text or None}
    if one.reasoning:
        message["reasoning_content"] = one.reasoning
    if one.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
            for call in one.tool_calls
        ]
    choice: dict[str, Any] = {
        "index": 0,
        "finish_reason": _REASONS.get(one.reason, one.reason),
        "stop_reason": one.stop_sequence,
    }
    choice |= {"text": one.text} if is_raw else {"message": message}
    if one.logprobs:
        choice["logprobs"] = {"content": [_entry(each) for each in one.logprobs]}
    return {"choices": [choice], "usage": _usage(answer.usage)}


def _entry(one: TokenLogprob) -> dict[str, Any]:
    return {
        "token": one.token,
        "logprob": one.logprob,
        "bytes": list(one.token_bytes),
        "top_logprobs": [{"token": x.token, "logprob": x.logprob} for x in one.alternatives],
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _encode(event: ChatEvent) -> dict[str, Any]:
    delta: dict[str, Any] = {}
    choice: dict[str, Any] = {"index": 0, "delta": delta}
    match event:
        case ChatStarted():
            raise AssertionError("started twice")
        case TextDelta():
            delta["content"] = event.text
            if event.logprobs:
                choice["logprobs"] = {"content": [_entry(one) for one in event.logprobs]}
        case ReasoningDelta():
            delta["reasoning_content"] = event.text
        case ToolCallStarted():
            function = {"name": event.name, "arguments": ""}
            delta["tool_calls"] = [{"index": event.index, "id": event.id, "function": function}]
        case ToolCallDelta():
            fragment = {"index": event.index, "function": {"arguments": event.arguments}}
            delta["tool_calls"] = [fragment]
        case ChoiceFinished():
            choice["finish_reason"] = _REASONS.get(event.reason, event.reason)
            choice["stop_reason"] = event.stop_sequence
        case ChatFinished():
            return {"choices": [], "usage": _usage(event.usage)}
    return {"choices": [choice]}
