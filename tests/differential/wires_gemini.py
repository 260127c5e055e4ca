"""Google's generateContent by the official SDK: the Gemini API and Vertex AI."""

from typing import Any

from google import genai
from google.genai import types

from contract.gemini.sdk import gemini, vertex
from differential import canon
from differential.heard import FEW, Heard, Reach
from kilonova.core.events import FinishReason

_REASONS: dict[types.FinishReason, FinishReason] = {
    types.FinishReason.STOP: "stop",
    types.FinishReason.MAX_TOKENS: "length",
}


def plain(reach: Reach) -> genai.Client:
    return gemini(reach.url, reach.bearer)


def cloud(reach: Reach) -> genai.Client:
    return vertex(reach.url, reach.bearer)


class Content:
    def __init__(self, reach: Reach, connect: Any) -> None:
        self._client: genai.Client = connect(reach)
        self._model = reach.model
        self._history: list[Any] = [types.UserContent(canon.QUESTION)]

    def ask(self, *, is_streamed: bool) -> Heard:
        return self._send(is_streamed)

    def answer(self, *, is_streamed: bool) -> Heard:
        parts = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call_id,
                    name=name,
                    response={_outcome(call_id): canon.RESULTS[call_id]},
                )
            )
            for call_id, name, _ in canon.CALLS
        ]
        self._history.append(types.Content(role="user", parts=parts))
        return self._send(is_streamed)

    def _send(self, is_streamed: bool) -> Heard:
        declared = [
            types.FunctionDeclaration(name=name, description=says, parameters_json_schema=schema)
            for name, says, schema in canon.TOOLS
        ]
        config = types.GenerateContentConfig(
            system_instruction=canon.SYSTEM,
            tools=[types.Tool(function_declarations=declared)],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            response_mime_type="application/json",
            response_json_schema=canon.ANSWER_SCHEMA,
            max_output_tokens=canon.MAX_TOKENS,
            temperature=canon.TEMPERATURE,
            top_p=canon.TOP_P,
            stop_sequences=[canon.STOP],
            thinking_config=types.ThinkingConfig(
                include_thoughts=True, thinking_level=types.ThinkingLevel.HIGH
            ),
        )
        answers = self._generate(self._history, config, is_streamed=is_streamed)
        turn = [part for one in answers for part in _parts(one)]
        self._history.append(types.Content(role="model", parts=turn))
        return _heard(answers)

    def say(self, text: str, *, is_streamed: bool) -> Heard:
        config = types.GenerateContentConfig(max_output_tokens=FEW, temperature=0)
        return _heard(self._generate([types.UserContent(text)], config, is_streamed=is_streamed))

    def _generate(
        self, contents: Any, config: types.GenerateContentConfig, *, is_streamed: bool
    ) -> list[types.GenerateContentResponse]:
        asked: Any = {"model": self._model, "contents": contents, "config": config}
        if is_streamed:
            return list(self._client.models.generate_content_stream(**asked))
        return [self._client.models.generate_content(**asked)]

    def show(self, png: bytes) -> None:
        image = types.Part.from_bytes(data=png, mime_type="image/png")
        contents: Any = [types.UserContent([types.Part(text="See:"), image])]
        self._client.models.generate_content(model=self._model, contents=contents)

    def leave(self, text: str) -> None:
        stream: Any = self._client.models.generate_content_stream(model=self._model, contents=text)
        next(stream)
        stream.close()

    def close(self) -> None:
        self._client.close()


def _outcome(call_id: str) -> str:
    return "error" if call_id == canon.FAILED else "output"


def _parts(answer: types.GenerateContentResponse) -> list[types.Part]:
    (candidate,) = answer.candidates or []
    assert candidate.content is not None
    return candidate.content.parts or []


def _heard(answers: list[types.GenerateContentResponse]) -> Heard:
    parts = [part for one in answers for part in _parts(one)]
    calls = [part.function_call for part in parts if part.function_call]
    (last,) = answers[-1].candidates or []
    usage = answers[-1].usage_metadata
    assert usage is not None
    assert last.finish_reason is not None
    thought_tokens = usage.thoughts_token_count or 0
    return Heard(
        text="".join(part.text or "" for part in parts if not part.thought),
        thought="".join(part.text or "" for part in parts if part.thought),
        calls=tuple((str(call.name), call.args or {}) for call in calls),
        # This wire has one word for both.
        reason="tool_calls" if calls else _REASONS[last.finish_reason],
        prompt_tokens=usage.prompt_token_count or 0,
        cached_tokens=usage.cached_content_token_count or 0,
        output_tokens=(usage.candidates_token_count or 0) + thought_tokens,
        thought_tokens=thought_tokens,
    )
