"""A conversation over the wire, against scripted answers."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest

from kilonova.cli.exits import AUTH, FAILURE, QUOTA, CommandError
from kilonova.cli.talk import Talk, Turn
from kilonova.home import ServerNote

USAGE = '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}'


def _delta(text: str) -> str:
    return msgspec.json.encode({"choices": [{"delta": {"content": text}}]}).decode()


class Wire:
    """Sends ``events`` as server-sent events, or ``status`` with a JSON body."""

    def __init__(self) -> None:
        self.events = [_delta("hel"), _delta("lo"), USAGE, "[DONE]"]
        self.status = 200
        self.body = b""
        self.asked: list[list[dict[str, str]]] = []
        wire = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = msgspec.json.decode(self.rfile.read(int(self.headers["content-length"])))
                wire.asked.append(body["messages"])
                self.send_response(wire.status)
                self.send_header("x-kilonova-request-id", "req_7")
                self.end_headers()
                text = "".join(f"data: {event}\n\n" for event in wire.events).encode()
                self.wfile.write(text if wire.status == 200 else wire.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's)
                """Silence."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        url = f"http://127.0.0.1:{self.server.server_port}"
        note = ServerNote(url=url, pid=1)
        self.talk = Talk(note=note, bearer_key="kn_live_x", model="m", system="be brief")


@pytest.fixture
def wire() -> Iterator[Wire]:
    built = Wire()
    thread = threading.Thread(target=built.server.serve_forever, args=(0.01,))
    thread.start()
    yield built
    built.server.shutdown()
    thread.join()
    built.server.server_close()


def test_an_answer_comes_in_pieces_with_its_facts(wire: Wire) -> None:
    """Protects what stands under an answer: its id, its tokens."""
    assert list(wire.talk.ask("hi")) == ["hel", "lo"]
    turn = wire.talk.turn
    assert (turn.request_id, turn.input_tokens, turn.output_tokens) == ("req_7", 3, 2)
    assert turn.text == "hello"


def test_the_conversation_is_remembered(wire: Wire) -> None:
    """Protects the second question: it is asked after the first and its answer; /new ends that."""
    list(wire.talk.ask("hi"))
    list(wire.talk.ask("again"))
    assert [(each["role"], each["content"]) for each in wire.asked[1]] == [
        ("system", "be brief"), ("user", "hi"), ("assistant", "hello"), ("user", "again"),
    ]  # fmt: skip
    wire.talk.forget()
    list(wire.talk.ask("anew"))
    assert [each["content"] for each in wire.asked[2]] == ["be brief", "anew"]


def test_a_stopped_answer_leaves_no_trace(wire: Wire) -> None:
    """Protects the conversation from half an answer."""
    pieces = wire.talk.ask("hi")
    next(pieces)
    pieces.close()
    list(wire.talk.ask("again"))
    assert [each["content"] for each in wire.asked[1]] == ["be brief", "again"]


@pytest.mark.parametrize(
    ("status", "code"), [(401, AUTH), (429, QUOTA), (402, QUOTA), (500, FAILURE)]
)
def test_a_refusal_is_the_server_s_sentence(wire: Wire, status: int, code: int) -> None:
    """Protects people from bare numbers, and scripts from guessing."""
    wire.status, wire.body = status, b'{"error":{"message":"No money left."}}'
    with pytest.raises(CommandError, match="No money left") as refused:
        list(wire.talk.ask("hi"))
    assert refused.value.code == code


@pytest.mark.parametrize(
    "events", [[_delta("hel")], [_delta("hel"), '{"error":{"message":"broke"}}']]
)
def test_a_broken_stream_is_a_failure(wire: Wire, events: list[str]) -> None:
    """Protects scripts from taking half an answer for a whole one."""
    wire.events = events
    with pytest.raises(CommandError, match="broke"):
        list(wire.talk.ask("hi"))


@pytest.mark.parametrize(("last_s", "rate"), [(1.00003, None), (3.0, 20.0)])
def test_what_came_at_once_has_no_speed(last_s: float, rate: float | None) -> None:
    """Protects people from the speed of a pipe: it is not that of the model."""
    turn = Turn()
    turn.first_s, turn.last_s, turn.output_tokens = 1.0, last_s, 41
    assert turn.tokens_per_s == rate
