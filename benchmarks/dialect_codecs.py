"""Decoding and encoding by themselves: the pure functions of each wire, no request around them."""

import statistics
import time
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from benchmarks.dialect_bodies import FORMS, MODEL, WIRES, question
from kilonova.catalog.catalog import Catalog, packaged_models
from kilonova.core.events import ChatAnswer, Choice, ToolCall
from kilonova.core.usage import Usage
from kilonova.dialects.anthropic import decode as anthropic_decode
from kilonova.dialects.anthropic import encode as anthropic_encode
from kilonova.dialects.bedrock import decode as bedrock_decode
from kilonova.dialects.bedrock import encode as bedrock_encode
from kilonova.dialects.bedrock.body import BodyDecoder as BedrockBodies
from kilonova.dialects.bedrock.schema import Converse
from kilonova.dialects.gemini import answer_schema as gemini_answers
from kilonova.dialects.gemini import decode as gemini_decode
from kilonova.dialects.gemini import encode as gemini_encode
from kilonova.dialects.gemini.body import BodyDecoder as GeminiBodies
from kilonova.dialects.gemini.schema import GenerateBody
from kilonova.dialects.openai import answer_schema as chat_answers
from kilonova.dialects.openai import decode as chat_decode
from kilonova.dialects.openai import encode as chat_encode
from kilonova.dialects.openai.responses import answer_schema as response_answers
from kilonova.dialects.openai.responses import conversation, items
from kilonova.dialects.openai.responses import decode as response_decode
from kilonova.dialects.openai.responses import encode as response_encode
from kilonova.dialects.openai.responses import schema as response_schema
from kilonova.dialects.openai.responses import tools as response_tools
from kilonova.dialects.wire.aws_model import load_service
from kilonova.dialects.wire.aws_request import WireRequest
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

__all__ = ["codec_rows"]

_SEAL = ReasoningSeal(bytes(32))
_MODEL = Catalog(packaged_models()).find(MODEL)
_ANSWER = ChatAnswer(
    (
        Choice(
            text=question(16),
            reasoning="",
            tool_calls=(ToolCall("call_1", "get_weather", '{"city": "Oslo"}'),),
            reason="tool_calls",
            stop_sequence=None,
            logprobs=(),
        ),
    ),
    Usage(input_tokens=40, output_tokens=30),
)


class _Codec(Struct, frozen=True):
    """``wire`` is the name of the wire whose bodies it reads."""

    wire: str
    decode: Callable[[bytes], object]
    encode: Callable[[], bytes]


def _response_request(body: bytes) -> object:
    parsed = response_decode.parse_response(body)
    kept = items.parse_items(parsed.input, body)
    tools = response_tools.parse_tools(parsed.tools, body)
    resolved = [one for one in kept if not isinstance(one, response_schema.ItemReference)]
    told = conversation.decode_conversation(resolved, _SEAL)
    return response_decode.decode_response(parsed, told, tools)


def _codecs() -> list[_Codec]:
    head = chat_answers.AnswerHead(id="x", created=1, model=MODEL, system_fingerprint="fp")
    turn = response_encode.Manner(turn="x", has_summary=False, seal=None)
    body = response_decode.parse_response(b'{"model":"x","input":"x"}')
    begun = response_answers.begin(body, response_id="resp_x", model_id=MODEL, created_s=1)
    [choice] = _ANSWER.choices
    bodies = GeminiBodies(GenerateBody)
    converse = BedrockBodies(Converse, load_service("bedrock-runtime").operations["Converse"])
    return [
        _Codec(
            "OpenAI chat",
            lambda text: chat_decode.decode_chat(chat_decode.parse_chat(text)),
            lambda: chat_encode.encode_answer(head, _ANSWER, has_logprobs=False),
        ),
        _Codec(
            "OpenAI Responses",
            _response_request,
            lambda: msgspec.json.encode(
                response_encode.complete(
                    begun,
                    response_encode.choice_items(choice, turn),
                    reason=choice.reason,
                    usage=_ANSWER.usage,
                    completed_ms=1_000,
                )
            ),
        ),
        _Codec(
            "Anthropic Messages",
            lambda text: anthropic_decode.decode_messages(
                anthropic_decode.parse_messages(text), _MODEL, _SEAL
            ),
            lambda: anthropic_encode.encode_answer(
                anthropic_encode.Head(id="x", model=_MODEL, max_tokens=9, seal=_SEAL), _ANSWER
            ),
        ),
        *(
            _Codec(
                name,
                lambda text: gemini_decode.decode_generate(bodies.decode(text), _MODEL, _SEAL),
                lambda: gemini_encode.encode_answer(
                    gemini_answers.AnswerHead(MODEL, "x"),
                    _ANSWER,
                    gemini_answers.Manner(seal=_SEAL),
                ),
            )
            for name in ("Gemini, JSON schemas", "Gemini, its own schemas")
        ),
        _Codec(
            "Bedrock Converse, signed",
            lambda text: bedrock_decode.decode_converse(
                converse.decode(WireRequest({"modelId": "m"}, "", {}, text)), _MODEL, _SEAL
            ),
            lambda: bedrock_encode.encode_answer(_ANSWER, 1, seal=_SEAL),
        ),
    ]


def codec_rows(rounds: int, count: int) -> list[list[str]]:
    """A row a wire: decoding each form, then encoding one answer."""
    codecs = _codecs()
    by_name = {wire.name: wire for wire in WIRES}
    tasks: list[list[Callable[[], object]]] = []
    for codec in codecs:
        texts = [by_name[codec.wire].body(form, question(16), is_streamed=False) for form in FORMS]
        decodes = [lambda text=text, codec=codec: codec.decode(text) for text in texts]
        tasks.append([*decodes, codec.encode])
    samples = _samples(tasks, rounds, count)
    return [
        [codec.wire, *(_cell(one, samples[0][column]) for column, one in enumerate(row))]
        for codec, row in zip(codecs, samples, strict=True)
    ]


def _samples(
    tasks: Sequence[Sequence[Callable[[], object]]], rounds: int, count: int
) -> list[list[list[float]]]:
    """Microseconds a call, by row, column and round."""
    found: list[list[list[float]]] = [[[] for _ in row] for row in tasks]
    for number in range(rounds + 1):
        for row, kept in zip(tasks, found, strict=True):
            for task, values in zip(row, kept, strict=True):
                begun_s = time.thread_time()
                for _ in range(count):
                    task()
                if number:
                    values.append((time.thread_time() - begun_s) * 1e6 / count)
    return found


def _cell(samples: list[float], reference: list[float]) -> str:
    ratio = statistics.median(a / b for a, b in zip(samples, reference, strict=True))
    return f"{statistics.median(samples):.1f}, {ratio:.2f} ×"
