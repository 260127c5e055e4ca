"""Hard days: a crash under a whole answer, strangers who fill the memory, ends that must come."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from contract.observed import gauge, usage, verify, with_key
from contract.raw import CHAT, bearer, chat_body, connect, post, read_events, send_chat, slow
from servers import Server, start_server

# One worker runs all of them, so that they share servers.
pytestmark = pytest.mark.xdist_group("hard_days")

LIMITS = "[limits]\nbody_bytes_total_max = 1000000\n[server]\ndrain_s = 0.5\n"


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)


@dataclass
class Crash:
    """A home whose server was killed under a stream and a whole answer."""

    server: Server
    whole: Server
    """The same server with the key of the whole answer."""
    whole_received: bytes


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> Crash:
    """What is generated at the same pace for both, and delivered to one of them alone."""
    server = with_key(start_server(tmp_path_factory.mktemp("home")))
    whole = with_key(replace(server))
    waiting = send_chat(whole, chat_body("[[echo: tokens=500, delay_ms=5]] x"))
    with waiting, send_chat(server, slow(500, 5)) as streaming:
        read_events(streaming, 80)
        server.process.kill()
        server.process.wait(10)
        return Crash(server, whole, _rest(waiting))


def _rest(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


def test_a_whole_answer_that_a_crash_cut_off_is_not_billed(crash: Crash) -> None:
    """Protects callers who got nothing: what was generated for them was not delivered."""
    assert crash.whole_received == b""
    assert usage(crash.server)["output"] > 0
    assert usage(crash.whole) == {"requests": 1, "output": 0}
    assert verify(crash.server)["is_sound"] is True


def test_a_start_takes_the_note_of_a_crashed_server_away(crash: Crash) -> None:
    """Protects the operator's token from whoever listens where that server did."""
    note = crash.server.home / "server.json"
    assert note.exists()
    with pytest.raises(RuntimeError, match="ended with"):
        start_server(crash.server.home, environment={"KILONOVA_STORE__URL": "nothing://"})
    assert not note.exists()


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Little room for bodies, and little patience at the end."""
    running = with_key(start_server(tmp_path_factory.mktemp("home"), config=LIMITS))
    yield running
    running.stop(signal.SIGKILL)


def test_bodies_of_strangers_are_bounded_together(strict_server: Server) -> None:
    """Protects memory from callers without a key, and the others while they send."""
    request = chat_body("x" * 200_000, max_tokens=1)
    head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n{{"
    with connect(strict_server) as stranger:
        stranger.sendall(head.encode())
        wait_until(lambda: gauge(strict_server, "kilonova_inflight") >= 2)
        status, headers, _body = post(strict_server, CHAT, request, bearer(strict_server))
        assert status == 503
        assert "retry-after" in headers
    wait_until(lambda: post(strict_server, CHAT, request, bearer(strict_server))[0] == 200)


def test_the_deadline_of_draining_ends_a_running_stream(strict_server: Server) -> None:
    """Protects rolling restarts: a stream that outlives the deadline is cut, and settled."""
    server = with_key(strict_server)
    with send_chat(server, slow(2000, 20)) as connection:
        read_events(connection, 5)
        assert server.stop(wait_s=15) == 1
    assert_cut_and_settled(server)


@pytest.fixture
def patient_server(tmp_path: Path) -> Iterator[Server]:
    """It would wait a minute for its last stream."""
    running = with_key(start_server(tmp_path / "home"))
    yield running
    running.stop(signal.SIGKILL)


def test_a_second_signal_ends_a_running_stream(patient_server: Server) -> None:
    """Protects an operator in a hurry, and the books from the hurry."""
    server = patient_server
    with send_chat(server, slow(2000, 20)) as connection:
        read_events(connection, 5)
        server.process.send_signal(signal.SIGTERM)
        unbilled = chat_body("x", model="none")
        wait_until(lambda: post(server, CHAT, unbilled, bearer(server))[0] == 503)
        assert server.stop(wait_s=15) == 1
    assert_cut_and_settled(server)


def assert_cut_and_settled(server: Server) -> None:
    """One request, billed for about what had left, and sound books."""
    found = usage(server)
    assert found["requests"] == 1
    assert 4 <= found["output"] < 2000
    assert verify(server)["is_sound"] is True
