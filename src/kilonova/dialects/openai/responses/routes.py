"""Which path of the Responses API does what here. ``OpenAISurface`` mounts them.

POST   /responses                    make one, whole or streamed
GET    /responses/{id}               read one
DELETE /responses/{id}
GET    /responses/{id}/input_items   what it answers, paged
POST   /responses/{id}/cancel        refused: nothing runs in the background
POST   /responses/input_tokens       count a prompt
POST   /responses/compact            refused
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, aclosing
from urllib.parse import unquote

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kilonova.core.chat import ChatRequest, Message
from kilonova.core.errors import InvalidRequest, KilonovaError
from kilonova.core.events import ChatFinished
from kilonova.core.ids import time_ms
from kilonova.core.shelf import Shelf
from kilonova.dialects.openai.answer_headers import JSON, STREAMED, answer_headers, price_header
from kilonova.dialects.openai.credentials import call
from kilonova.dialects.openai.parameters import ignored_tier
from kilonova.dialects.openai.responses.answer_schema import (
    Deleted,
    InputTokens,
    ResponseObject,
    begin,
)
from kilonova.dialects.openai.responses.archive import Archive, Reading
from kilonova.dialects.openai.responses.attachments import attach
from kilonova.dialects.openai.responses.conversation import decode_conversation, hints_of
from kilonova.dialects.openai.responses.decode import (
    decode_prompt,
    decode_response,
    parse_count,
    parse_response,
)
from kilonova.dialects.openai.responses.encode import Manner, choice_items, complete
from kilonova.dialects.openai.responses.encode_stream import StreamEncoder
from kilonova.dialects.openai.responses.errors import encode_response_error, unstored
from kilonova.dialects.openai.responses.items import KeptItem, named, parse_items
from kilonova.dialects.openai.responses.paging import decode_query, item_page
from kilonova.dialects.openai.responses.parameters import ignored_by_model, ignored_by_response
from kilonova.dialects.openai.responses.schema import FunctionTool, PromptBody, ResponseBody
from kilonova.dialects.openai.responses.tools import hints_of_tools, parse_tools
from kilonova.dialects.openai.responses.truncation import chat_within_context
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal
from kilonova.gateway.call import Caller
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.stream import ChatStream
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Request, Response, Stream

__all__ = ["Responses"]

_SEALED = "reasoning.encrypted_content"
_encode = msgspec.json.Encoder().encode


class _Prompt(Struct, frozen=True):
    """What a request is made of, once all that it refers to was read."""

    history: list[KeptItem]
    items: list[KeptItem]
    tools: list[FunctionTool]
    hints: list[str]


class Responses:
    """The operations on responses. ``find`` takes a path below a root."""

    def __init__(
        self,
        gateway: Gateway,
        shelf: Shelf,
        *,
        seal: ReasoningSeal,
        kept_days: int = 30,
        body_bytes_max: int = 32 * 1024 * 1024,
    ) -> None:
        self._gateway = gateway
        self._archive = Archive(shelf, kept_days=kept_days, bytes_max=body_bytes_max)
        self._seal = seal
        self._fixed = {
            path: _endpoint(handle, body_bytes_max)
            for path, handle in (
                (("POST", b"/responses"), self.create),
                (("POST", b"/responses/input_tokens"), self.count),
                (("POST", b"/responses/compact"), self.compact),
            )
        }
        self._of_one = {
            path: _endpoint(handle, 1024)
            for path, handle in (
                (("GET", ""), self.retrieve),
                (("DELETE", ""), self.delete),
                (("GET", "/input_items"), self.input_items),
                (("POST", "/cancel"), self.cancel),
            )
        }

    def find(self, request: Request, path: bytes) -> Endpoint | None:
        """The endpoint of a path such as ``/responses/resp_…/input_items``."""
        if not path.startswith(b"/responses"):
            return None
        endpoint = self._fixed.get((request.method, path))
        if endpoint is not None or not path.startswith(b"/responses/"):
            return endpoint
        name, slash, action = path[len(b"/responses/") :].decode("latin-1").partition("/")
        if not name:
            return None
        request.captures = (unquote(name),)
        return self._of_one.get((request.method, slash + action))

    async def create(self, request: Request) -> Answer:
        """``POST /responses``."""
        caller = self._gateway.authorise(call(request))
        body = parse_response(request.body)
        with ExitStack() as held:
            reading = held.enter_context(self._archive.read(caller.principal))
            prompt = await self._prompt(reading, body, request.body)
            asked = decode_response(body, self._messages(prompt), prompt.tools)
            ignored = self._ignored(body, prompt, asked)
            if body.store is not False:
                self._archive.check_room(caller.principal, len(request.body))
            stream = await self._ask(caller, body, asked)
            response, manner = self._begin(body, stream)
            items = named(prompt.items, manner.turn)
            made = _Made(self._archive, caller, stream, items, reading)
            ignored += ignored_tier(asked.service_tier, stream.service_tier)
            headers = answer_headers(request, ignored)
            if body.stream:
                encoder = StreamEncoder(response, manner)
                # What was read is held until the stream ends.
                held.pop_all()
                chunks = _chunks(made, encoder)
                return Stream(200, chunks, (*STREAMED, *headers), encoder.fail, made)
            answer = await stream.collect()
            [choice] = answer.choices
            whole = complete(
                response,
                choice_items(choice, manner),
                reason=choice.reason,
                usage=answer.usage,
                completed_ms=stream.record.finished_ms,
            )
            await made.keep(whole)
        return Response(200, _encode(whole), (JSON, *headers, *price_header(request.trace)))

    async def _ask(self, caller: Caller, body: ResponseBody, asked: ChatRequest) -> ChatStream:
        if body.truncation == "auto":
            return await chat_within_context(self._gateway, caller, asked, is_whole=not body.stream)
        return await self._gateway.chat(caller, asked, is_whole=not body.stream)

    def _begin(self, body: ResponseBody, stream: ChatStream) -> tuple[ResponseObject, Manner]:
        turn = _turn(stream)
        response = begin(
            body,
            response_id=f"resp_{turn}",
            model_id=stream.model.id,
            created_s=time_ms(turn) // 1000,
        )
        response = replace(response, service_tier=stream.service_tier)
        has_sealed = body.include is not None and _SEALED in body.include
        manner = Manner(
            turn=turn,
            has_summary=response.reasoning.summary is not None,
            seal=self._seal if has_sealed else None,
        )
        return response, manner

    def _messages(self, prompt: _Prompt) -> tuple[Message, ...]:
        return decode_conversation([*prompt.history, *prompt.items], self._seal)

    async def _prompt(self, reading: Reading, body: PromptBody, text: bytes) -> _Prompt:
        items = parse_items(body.input, text)
        tools = parse_tools(body.tools, text)
        history = await reading.conversation(body.previous_response_id)
        resolved = await reading.resolve(items)
        hints = [*hints_of_tools(tools), *hints_of(resolved, self._seal)]
        return _Prompt(history, await attach(resolved, reading), tools, hints)

    def _ignored(self, body: PromptBody, prompt: _Prompt, asked: ChatRequest) -> list[str]:
        model = self._gateway.model(asked.model)
        return [
            *ignored_by_response(body),
            *ignored_by_model(body, asked.thinking, model),
            *prompt.hints,
        ]

    async def count(self, request: Request) -> Answer:
        """``POST /responses/input_tokens``."""
        caller = self._gateway.authorise(call(request))
        body = parse_count(request.body)
        with self._archive.read(caller.principal) as reading:
            prompt = await self._prompt(reading, body, request.body)
            asked = decode_prompt(body, self._messages(prompt), prompt.tools)
            tokens = await self._gateway.count_tokens(caller, asked)
        headers = answer_headers(request, self._ignored(body, prompt, asked))
        return Response(200, _encode(InputTokens(tokens)), (JSON, *headers))

    async def compact(self, request: Request) -> Answer:
        """``POST /responses/compact``."""
        self._gateway.authorise(call(request))
        raise InvalidRequest(
            "Conversations are not compacted here. Send the items that the model is to read.",
            reason="unsupported_operation",
        )

    async def retrieve(self, request: Request) -> Answer:
        """``GET /responses/{id}``."""
        caller = self._gateway.authorise(call(request))
        query = decode_query(request.query)
        body = await self._archive.response(caller.principal, request.captures[0])
        if query.stream:
            raise InvalidRequest(
                "This response cannot be streamed: it was not created in the background.",
                param="stream",
                reason="unsupported_parameter",
            )
        return Response(200, body, (JSON, *answer_headers(request, query.ignored("stream"))))

    async def delete(self, request: Request) -> Answer:
        """``DELETE /responses/{id}``."""
        caller = self._gateway.authorise(call(request))
        response_id = request.captures[0]
        await self._archive.delete(caller.principal, response_id)
        return Response(200, _encode(Deleted(response_id)), (JSON, *answer_headers(request, [])))

    async def input_items(self, request: Request) -> Answer:
        """``GET /responses/{id}/input_items``."""
        caller = self._gateway.authorise(call(request))
        query = decode_query(request.query)
        with self._archive.read(caller.principal) as reading:
            items = await reading.asked(request.captures[0])
            page = _encode(item_page(items, query))
        return Response(
            200, page, (JSON, *answer_headers(request, query.ignored("after", "limit", "order")))
        )

    async def cancel(self, request: Request) -> Answer:
        """``POST /responses/{id}/cancel``."""
        caller = self._gateway.authorise(call(request))
        self._archive.check(caller.principal, request.captures[0])
        raise InvalidRequest(
            "Cannot cancel a response that was not created in the background. Close its stream.",
            reason="unsupported_operation",
        )


class _Made(Struct, frozen=True):
    """A response while it is made, and where it goes when it is done."""

    archive: Archive
    caller: Caller
    stream: ChatStream
    items: tuple[KeptItem, ...]
    reading: Reading

    async def keep(self, whole: ResponseObject) -> None:
        """Returns when it is on disk, where it is to be kept at all."""
        if whole.store:
            try:
                await self.archive.keep(self.caller.principal, whole, self.items)
            except KilonovaError as error:
                raise unstored(error) from None

    async def aclose(self) -> None:
        """Lets go of what it is made from."""
        self.reading.close()
        await self.stream.aclose()


def _endpoint(handle: Callable[[Request], Awaitable[Answer]], body_bytes_max: int) -> Endpoint:
    return Endpoint(handle=handle, fail=encode_response_error, body_bytes_max=body_bytes_max)


def _turn(stream: ChatStream) -> str:
    """What a response and its items are named after. A replayed answer keeps its name."""
    return stream.first_request_id.removeprefix("req_")


async def _chunks(made: _Made, encoder: StreamEncoder) -> AsyncGenerator[bytes, None]:
    """A response is on the shelf before its last event is sent; one that breaks is not."""
    async with aclosing(made):
        async for event in made.stream:
            chunk = encoder.encode(event)
            if isinstance(event, ChatFinished):
                whole = encoder.complete(event.usage, made.stream.record.finished_ms)
                await made.keep(whole)
                chunk = encoder.finish(whole, made.stream.bill())
            if chunk:
                yield chunk
