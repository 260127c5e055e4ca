"""Responses over the real request path: items, conversations, what is kept, ends of streams."""

import json
import time
from typing import Any

import pytest

from kilonova.core.errors import Overloaded
from kilonova.core.shelf import Drawer, Item
from kilonova.dialects.openai.files.stored import keep_file
from kilonova.stores.memory import MemoryShelf
from kilonova.web.message import Response
from unit.dialects.openai.response_world import Event, ResponseWorld, ask, events_of

ADD = {
    "type": "function",
    "name": "add",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    },
    "strict": True,
}
DRAWER = Drawer("org_1", "proj_1", "response")


@pytest.fixture
async def world() -> Any:
    """Every permit is settled once when a test ends, whatever it did."""
    one = ResponseWorld()
    yield one
    one.world.assert_settled()


def names(events: list[Event]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


async def test_the_order_of_events(world: ResponseWorld) -> None:
    """Protects clients that follow a stream by its events, in OpenAI's own order."""
    assert names(await world.stream("[[echo: reasoning=1]] two words")) == [
        "created", "in_progress",
        "output_item.added", "content_part.added", "reasoning_text.delta",
        "reasoning_text.done", "content_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    called = names(await world.stream("7", tools=[ADD], tool_choice="required"))
    assert called[:3] == ["created", "in_progress", "output_item.added"]
    assert set(called[3:-3]) == {"function_call_arguments.delta"}
    assert called[-3:] == ["function_call_arguments.done", "output_item.done", "completed"]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"reasoning": {"summary": "auto"}},
        {"include": ["reasoning.encrypted_content"]},
        {"include": ["message.output_text.logprobs"], "top_logprobs": 2},
        {"tools": [ADD], "tool_choice": {"type": "function", "name": "add"}},
        {"max_output_tokens": 3},
        {"max_output_tokens": 1},
    ],
    ids=json.dumps,
)
async def test_a_stream_adds_up_to_the_whole_response(world: ResponseWorld, more: Any) -> None:
    """Protects the one code path: events, their parts and the last response say the same."""
    text = "[[echo: reasoning=2]] one two three"
    whole = await world.create(text, **more)
    events = await world.stream(text, **more)
    last = events[-1]["response"]
    assert stripped(last) == stripped(whole)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == last["output"]
    added = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    assert [(item["id"], item["status"]) for item in added] == [
        (item["id"], "in_progress") for item in done
    ]
    for event in events:
        if "item_id" in event:
            assert event["item_id"] == added[event["output_index"]]["id"]
    assert_deltas_add_up(events)


def stripped(response: dict[str, Any]) -> Any:
    """A response without what differs from request to request."""
    text = json.dumps(response).replace(response["id"].removeprefix("resp_"), "ID")
    return {**json.loads(text), "created_at": 0, "completed_at": 0}


def assert_deltas_add_up(events: list[Event]) -> None:
    pieces: dict[tuple[str, str], str] = {}
    for event in events:
        kind, _, end = event["type"].rpartition(".")
        if end == "delta":
            key = (kind, event["item_id"])
            pieces[key] = pieces.get(key, "") + event["delta"]
        elif (kind, event.get("item_id", "")) in pieces and end == "done":
            told = event.get("text", event.get("arguments"))
            assert pieces.pop((kind, event["item_id"])) == told
    assert pieces == {}


async def test_thinking_goes_out_and_comes_back(world: ResponseWorld) -> None:
    """Protects models that must read their own thinking: shown, summed up or sealed, it returns."""
    seen = []
    for more in (
        {},
        {"reasoning": {"summary": "detailed"}},
        {"include": ["reasoning.encrypted_content"]},
    ):
        response = await world.create("[[echo: reasoning=2]] word", **more)
        thought, message = response["output"]
        assert message["content"][0]["text"] == "word"
        if more.get("include"):
            thought.pop("content")
        seen.append({key: thought.get(key) for key in ("content", "summary")})
        items = [
            {"role": "user", "content": "x"},
            thought,
            message,
            {"role": "user", "content": "y"},
        ]
        counted, body = await world.whole("POST", "/v1/responses/input_tokens", ask(items))
        assert counted.status == 200
        assert body["input_tokens"] == 5
        assert b"x-kilonova-ignored" not in dict(counted.headers)
    thinking = "thinking thinking "
    assert seen[0] == {"content": [{"type": "reasoning_text", "text": thinking}], "summary": []}
    assert seen[1] == {"content": None, "summary": [{"type": "summary_text", "text": thinking}]}


async def test_foreign_thinking_is_listed_as_ignored(world: ResponseWorld) -> None:
    """Protects callers who move here in the middle of a conversation."""
    items = [
        {"role": "user", "content": "x"},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAABsomebody"},
        {"role": "user", "content": "y"},
    ]
    answer, _ = await world.whole("POST", "/v1/responses", ask(items))
    assert dict(answer.headers)[b"x-kilonova-ignored"] == b"input.encrypted_content"


async def test_a_conversation_goes_on_from_a_response(world: ResponseWorld) -> None:
    """Protects stored conversations: all that was said, thought, called and answered is read."""
    first = await world.create("7 8", tools=[ADD], tool_choice="required", instructions="Add.")
    [call] = first["output"]
    answer = {"type": "function_call_output", "call_id": call["call_id"], "output": "it is 15"}
    second = await world.create([answer], previous_response_id=first["id"])
    assert second["output"][0]["content"][0]["text"] == "it is 15"
    assert second["previous_response_id"] == first["id"]
    third = await world.create("and more", previous_response_id=second["id"])
    said = ["7 8", f"add {call['arguments']}", "it is 15", "it is 15", "and more"]
    assert third["usage"]["input_tokens"] == sum(len(text.split()) for text in said)


async def test_input_items_are_the_conversation(world: ResponseWorld) -> None:
    """Protects callers who read back what a response answers, page by page."""
    first = await world.create("one")
    second = await world.create(
        [{"role": "assistant", "content": "mine"}, {"role": "user", "content": "two"}],
        previous_response_id=first["id"],
    )
    path = f"/v1/responses/{second['id']}/input_items"
    _, page = await world.whole("GET", f"{path}?order=asc&limit=3")
    assert [item["role"] for item in page["data"]] == ["user", "assistant", "assistant"]
    assert [item["content"][0]["type"] for item in page["data"]] == [
        "input_text", "output_text", "output_text",
    ]  # fmt: skip
    assert page["has_more"] is True
    assert page["data"][-1]["id"] == page["last_id"]
    _, rest = await world.whole("GET", f"{path}?order=asc&after={page['last_id']}")
    assert [item["content"][0]["text"] for item in rest["data"]] == ["two"]
    assert rest["has_more"] is False
    _, newest = await world.whole("GET", path)
    assert newest["data"][0] == rest["data"][0]
    for query in ("limit=0", "limit=101", "order=up", "wings=2", "limit=x", "after=nobody"):
        answer, body = await world.whole("GET", f"{path}?{query}")
        assert answer.status == (404 if "after" in query else 400), body


async def test_items_are_named_by_reference(world: ResponseWorld) -> None:
    """Protects clients that send ids instead of what they were given (the AI SDK does)."""
    first = await world.create("[[echo: calls=1]] 7", tools=[ADD])
    [call] = first["output"]
    said = [
        {"role": "user", "content": "7"},
        {"type": "item_reference", "id": call["id"]},
        {"type": "function_call_output", "call_id": call["call_id"], "output": "seven"},
    ]
    second = await world.create(said)
    assert second["output"][0]["content"][0]["text"] == "seven"
    bare = {"id": second["output"][0]["id"]}
    third = await world.create([{"role": "user", "content": "a"}, bare, *said[:1]])
    assert third["usage"]["input_tokens"] == 3
    for name in ("msg_nobody", f"msg_{'0' * 26}o0000", call["id"] + "1"):
        status, error = await world.refused([{"type": "item_reference", "id": name}])
        assert (status, error["param"]) == (404, "input")


async def test_what_is_not_stored_is_not_found(world: ResponseWorld) -> None:
    """Protects privacy: store=false leaves nothing behind."""
    response = await world.create("secret", store=False)
    assert response["store"] is False
    assert world.shelf.page(DRAWER, after=None, limit=10).items == ()
    status, error = await world.refused("x", previous_response_id=response["id"])
    assert (status, error["code"]) == (400, "previous_response_not_found")
    assert error["param"] == "previous_response_id"
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/input_items"),
        ("POST", "/cancel"),
    ):
        answer, body = await world.whole(method, f"/v1/responses/{response['id']}{path}")
        assert (answer.status, body["error"]["type"]) == (404, "invalid_request_error")


async def test_responses_are_read_and_deleted(world: ResponseWorld) -> None:
    """Protects the stored copy: it is byte for byte what the caller saw, until it is deleted."""
    made = await world.send("POST", "/v1/responses", json.dumps(ask("é one")).encode())
    assert isinstance(made, Response)
    response_id = json.loads(made.body)["id"]
    read = await world.send("GET", f"/v1/responses/{response_id}")
    assert isinstance(read, Response)
    assert read.body == made.body
    _, gone = await world.whole("DELETE", f"/v1/responses/{response_id}")
    assert gone == {"id": response_id, "object": "response", "deleted": True}
    assert (await world.whole("GET", f"/v1/responses/{response_id}"))[0].status == 404


async def test_responses_expire(world: ResponseWorld) -> None:
    """Protects the promise of how long a response is kept."""
    response = await world.create("one")
    [item] = world.shelf.page(DRAWER, after=None, limit=10).items
    assert item.expires_ms == item.created_ms + 30 * 86_400_000
    world.world.clock.now = response["created_at"] + 30 * 86_400 + 1
    status, error = await world.refused("x", previous_response_id=response["id"])
    assert (status, error["code"]) == (400, "previous_response_not_found")


async def test_an_answer_cut_short_is_incomplete(world: ResponseWorld) -> None:
    """Protects callers from taking half an answer for a whole one; it can be gone on from."""
    events = await world.stream("one two three", max_output_tokens=2)
    response = events[-1]["response"]
    assert events[-1]["type"] == "response.incomplete"
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"
    filtered = await world.create("[[echo: refuse]] one")
    assert filtered["incomplete_details"] == {"reason": "content_filter"}
    assert await world.create("x", previous_response_id=response["id"])


async def test_a_stream_that_breaks_ends_with_an_error(world: ResponseWorld) -> None:
    """Protects callers: what came is told, the failure is named, and nothing is stored."""
    events = await world.stream("[[echo: fail_after=2]] one two three")
    assert names(events[-2:]) == ["error", "failed"]
    assert events[-2]["code"] == events[-2]["error"]["code"] == "engine_failed"
    response = events[-1]["response"]
    assert (response["status"], response["error"]["code"]) == ("failed", "server_error")
    assert world.shelf.page(DRAWER, after=None, limit=10).items == ()


async def test_a_client_that_leaves_is_billed_and_nothing_is_stored(world: ResponseWorld) -> None:
    """Protects both sides: the tokens that were sent are paid, half a response is not kept."""
    stream = await world.open("one two three four")
    written = b""
    async for chunk in stream.chunks:
        written += chunk
        if b"output_text.delta" in chunk:
            break
    await stream.chunks.aclose()
    [record] = world.world.ledger.records
    assert (record.outcome, record.usage.output_tokens) == ("cancelled", 1)
    assert world.shelf.page(DRAWER, after=None, limit=10).items == ()


class FullShelf(MemoryShelf):
    """Has room until something is put on it."""

    async def put(self, drawer: Drawer, item: Item) -> None:
        raise Overloaded("The disk is full.")


async def test_a_response_that_cannot_be_stored_fails() -> None:
    """Protects callers who count on the stored copy: there is no success without it."""
    world = ResponseWorld(FullShelf())
    answer, body = await world.whole("POST", "/v1/responses", ask("one"))
    assert (answer.status, body["error"]["code"]) == (503, "server_is_overloaded")
    assert dict(answer.headers)[b"x-should-retry"] == b"false", "each try would be billed"
    events = await world.stream("one")
    assert names(events[-3:]) == ["output_item.done", "error", "failed"]
    assert events[-2]["message"].startswith("The disk is full. The response was made and is bill")
    assert (await world.create("one", store=False))["status"] == "completed"
    world.world.assert_settled()


async def test_a_replayed_response_is_the_same_response(
    world: ResponseWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects retries: one response, stored once, under one id, to the last byte."""
    body = json.dumps(ask("hello")).encode()
    one = await world.send("POST", "/v1/responses", body, idempotency_key="k1")
    stored = world.shelf.page(DRAWER, after=None, limit=10)
    world.world.clock.now += 5
    monkeypatch.setattr(time, "time", lambda: 9e9)
    two = await world.send("POST", "/v1/responses", body, idempotency_key="k1")
    assert isinstance(one, Response)
    assert isinstance(two, Response)
    assert dict(two.headers)[b"x-kilonova-replayed"] == b"true"
    assert one.body == two.body
    assert world.shelf.page(DRAWER, after=None, limit=10) == stored


async def test_answers_of_tools_find_their_calls(world: ResponseWorld) -> None:
    """Protects agents: answers in any order and with equal ids belong to the right calls."""
    call = {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"}
    other = {**call, "call_id": "c2"}
    answers = [
        {"type": "function_call_output", "call_id": name, "output": text}
        for name, text in (("c2", "two"), ("c1", [{"type": "input_text", "text": "one"}]))
    ]
    user = {"role": "user", "content": "x"}
    response = await world.create([user, call, other, *answers, call, answers[1], user])
    assert response["usage"]["input_tokens"] == 11
    status, error = await world.refused([user, call])
    assert (status, error["message"]) == (400, "No tool output found for function call c1.")
    status, error = await world.refused([user, answers[0]])
    assert "No tool call found for function call output with call_id c2." in error["message"]


async def test_echoes_are_the_callers_own(world: ResponseWorld) -> None:
    """Protects clients that read their settings back, and streams from line breaks in them."""
    tool = json.dumps(ADD, indent=2)
    body = json.dumps(ask("x", stream=True, metadata={"a": "b"}))[:-1] + f', "tools": [{tool}]}}'
    stream = await world.send("POST", "/v1/responses", body.encode())
    assert not isinstance(stream, Response)
    events = events_of(b"".join([chunk async for chunk in stream.chunks]))
    response = events[0]["response"]
    assert response["tools"] == [ADD]
    assert response["metadata"] == {"a": "b"}
    assert (response["status"], response["output"], response["usage"]) == ("in_progress", [], None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/responses"),
        ("GET", "/v1/responses/"),
        ("PUT", "/v1/responses/resp_1"),
        ("GET", "/v1/responses/resp_1/"),
        ("POST", "/v1/responses/resp_1"),
        ("POST", "/v1/responsesx"),
    ],
)
async def test_other_paths_are_not_served(world: ResponseWorld, method: str, path: str) -> None:
    """Protects what else may live below this path."""
    assert world.find(method, path)[1] is None


async def test_what_has_no_counterpart_is_refused(world: ResponseWorld) -> None:
    """Protects callers of background work, compaction and replayed streams."""
    response = await world.create("x")
    path = f"/v1/responses/{response['id']}"
    for method, where in (
        ("POST", f"{path}/cancel"),
        ("POST", "/v1/responses/compact"),
        ("GET", f"{path}?stream=true"),
    ):
        answer, body = await world.whole(method, where)
        assert (answer.status, body["error"]["type"]) == (400, "invalid_request_error")


async def test_a_long_conversation_is_bounded() -> None:
    """Protects memory: what one request reads back is bounded as a request's body is."""
    world = ResponseWorld(body_bytes_max=4_000)
    first = await world.create("w " * 500)
    second = await world.create("x", previous_response_id=first["id"])
    status, error = await world.refused("x", previous_response_id=second["id"])
    assert (status, error["param"]) == (400, "previous_response_id")


async def test_counting_is_free_and_exact(world: ResponseWorld) -> None:
    """Protects those who plan: the count is what the response then says, and costs nothing."""
    more = {"instructions": "Be brief.", "tools": [ADD]}
    asked = ask("one two", **more)
    _, counted = await world.whole("POST", "/v1/responses/input_tokens", asked)
    assert counted["object"] == "response.input_tokens"
    assert world.world.ledger.records == []
    response = await world.create("one two", **more)
    assert response["usage"]["input_tokens"] == counted["input_tokens"]


async def test_truncation_drops_the_oldest_exchanges(world: ResponseWorld) -> None:
    """Protects long conversations that may forget: no more than needed, and never in two halves."""
    call = {"type": "function_call", "call_id": "c", "name": "add", "arguments": "{}"}
    answer = {"type": "function_call_output", "call_id": "c", "output": "w " * 3000}
    items: list[object] = [{"role": "developer", "content": "stay"}]
    for size in (3000, 2000, 1000):
        items += [{"role": "user", "content": "w " * size}, call, answer]
    items = items[:-2]
    status, error = await world.refused(items)
    assert (status, error["code"]) == (400, "context_length_exceeded")
    response = await world.create(items, truncation="auto", store=False)
    assert response["truncation"] == "auto"
    assert response["usage"]["input_tokens"] == 1 + 2000 + 2 + 3000 + 1000
    status, error = await world.refused("w " * 9000, truncation="auto")
    assert (status, error["code"]) == (400, "context_length_exceeded")


async def test_files_are_read(world: ResponseWorld) -> None:
    """Protects those who upload once and ask often: text is read, kept, and outlives its file."""
    owner = world.world.caller().principal
    stored = await keep_file(world.shelf, owner, b"two words", name="a.txt", purpose="user_data")
    parts = [
        {"type": "input_file", "file_id": stored.id, "detail": "high"},
        {"type": "input_file", "filename": "b.txt", "file_data": "data:text/plain;base64,b25l"},
    ]
    body = json.dumps(ask([{"role": "user", "content": parts}])).encode()
    answer = await world.send("POST", "/v1/responses", body)
    assert isinstance(answer, Response)
    assert dict(answer.headers)[b"x-kilonova-ignored"] == b"input.content.detail"
    response = json.loads(answer.body)
    assert response["output"][0]["content"][0]["text"] == "a.txt:\n\ntwo wordsb.txt:\n\none"
    await world.shelf.delete(Drawer("org_1", "proj_1", "file"), stored.id)
    assert await world.create("more", previous_response_id=response["id"])
    status, error = await world.refused([{"role": "user", "content": parts}])
    assert (status, error["param"]) == (404, "input[0].content[0].file_id")


async def test_images_are_read_by_their_bytes(world: ResponseWorld) -> None:
    """Protects models that see: an uploaded image is one, whatever it is called."""
    owner = world.world.caller().principal
    png = b"\x89PNG\r\n\x1a\n rest"
    for content, param in ((png, "input"), (b"no image", "input[0].content[0].file_id")):
        stored = await keep_file(world.shelf, owner, content, name="x", purpose="vision")
        image = {"type": "input_image", "file_id": stored.id}
        status, error = await world.refused([{"role": "user", "content": [image]}])
        # The model of this test cannot see: that is what is left to refuse of a good image.
        assert (status, error["param"]) == (400, param)


@pytest.mark.parametrize("depth", [900, 985, 990, 995, 1_000, 1_005, 30_000])
async def test_what_is_nested_is_refused_or_read_back(world: ResponseWorld, depth: int) -> None:
    """Protects the shelf: nothing is kept that is too deep to be read again."""
    deep = "[" * depth + "]" * depth
    for tool in (
        f'{{"type":"function","name":"x","output_schema":{{"x":{deep}}}}}',
        f'{{"type":"function","name":"x","parameters":{{"x":{deep}}}}}',
    ):
        body = json.dumps(ask("x"))[:-1] + f',"tools":[{tool}]}}'
        answer = await world.send("POST", "/v1/responses", body.encode())
        assert isinstance(answer, Response)
        assert answer.status in (400, 413)
    part = f'{{"type":"output_text","text":"x","annotations":{deep}}}'
    said = f'{{"role":"assistant","content":[{part}]}}'
    body = json.dumps(ask([{"role": "user", "content": "x"}]))[:-2] + f",{said}]}}"
    answer = await world.send("POST", "/v1/responses", body.encode())
    assert isinstance(answer, Response)
    if answer.status == 200:
        assert await world.create("y", previous_response_id=json.loads(answer.body)["id"])
