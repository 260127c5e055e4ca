"""Bad days: clients that vanish, engines that die, crashes, full disks, shutdowns."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from contract.observed import children_of, gauge, usage, verify, wait_for_settled, with_key
from contract.raw import CHAT, SPARK, bearer, chat_body, post, read_events, send_chat, slow
from servers import Server, free_port, start_server

# One worker runs all of them, so that they share a server.
pytestmark = pytest.mark.xdist_group("bad_days")


@pytest.fixture(scope="module")
def hurt_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tests may hurt; its ledger must be sound afterwards."""
    running = start_server(tmp_path_factory.mktemp("home"))
    yield running
    running.stop()
    assert verify(running)["is_sound"] is True


@pytest.fixture
def own_server(hurt_server: Server) -> Server:
    """The same, with a key of its own for each test, so that usage can be counted."""
    return with_key(hurt_server)


def test_a_client_that_vanishes_pays_for_what_it_got(own_server: Server) -> None:
    """Protects both sides at a disconnect at any token, on a real socket (A-4)."""
    for count in range(1, 6):
        with send_chat(own_server, slow(50, 20)) as connection:
            read_events(connection, count)
    found = wait_for_settled(own_server, 5)
    assert found["requests"] == 5
    assert found["output"] <= sum(range(1, 6)) + 5 * 8
    assert gauge(own_server, "kilonova_holds_open") == 0
    assert gauge(own_server, "kilonova_inflight") <= 1


def test_a_vanished_client_frees_the_real_engine(own_server: Server) -> None:
    """Protects capacity: more clients vanish than the engine has slots, and it still answers."""
    prompt = chat_body("Write a long text.", model=SPARK, stream=True, max_tokens=1500)
    for _ in range(10):
        with send_chat(own_server, prompt) as connection:
            read_events(connection, 2)
    request = chat_body("Hello", model=SPARK, max_tokens=4)
    status, _headers, body = post(own_server, CHAT, request, bearer(own_server))
    assert status == 200, body
    wait_for_settled(own_server, 11)


def test_an_engine_killed_in_mid_stream_is_told_and_replaced(own_server: Server) -> None:
    """Protects callers from a silent end, and the next caller from the last one's crash."""
    prompt = chat_body("Write a long text.", model=SPARK, stream=True, max_tokens=1800)
    with send_chat(own_server, prompt) as connection:
        first = read_events(connection, 3)
        children = children_of(own_server.process.pid)
        assert children, "the engine runs in a child process"
        for child in children:
            os.kill(child, signal.SIGKILL)
        rest = first
        while b"0\r\n\r\n" not in rest:
            piece = connection.recv(65_536)
            if not piece:
                break
            rest += piece
    if b"[DONE]" not in rest:
        assert b'"error"' in rest
    deadline = time.monotonic() + 30
    while True:
        request = chat_body("Hello", model=SPARK, max_tokens=4)
        status, _headers, body = post(own_server, CHAT, request, bearer(own_server))
        if status == 200:
            break
        assert status == 503, body
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_after_a_crash_the_last_checkpoint_is_billed(tmp_path: Path) -> None:
    """Protects customers from kill -9: billed never exceeds delivered, each request once."""
    server = with_key(start_server(tmp_path / "home"))
    with send_chat(server, slow(500, 5)) as connection:
        received = read_events(connection, 120)
        server.process.kill()
        server.process.wait(10)
        while piece := connection.recv(65_536):
            received += piece
    delivered = received.count(b'"content"')
    found = usage(server)
    assert found["requests"] == 1
    assert 50 <= found["output"] <= delivered
    assert verify(server)["is_sound"] is True
    again = start_server(server.home)
    assert again.stop() == 0
    assert usage(server) == found


def test_sigterm_lets_streams_finish_and_refuses_new_ones(tmp_path: Path) -> None:
    """Protects rolling restarts: nothing is cut, nothing is lost, exit status 0 (F-1)."""
    server = with_key(start_server(tmp_path / "home"))
    with send_chat(server, slow(60, 20)) as connection:
        received = read_events(connection, 3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        status, _headers, _body = post(server, CHAT, chat_body("x"), bearer(server))
        assert status == 503
        while b"[DONE]" not in received:
            piece = connection.recv(65_536)
            assert piece, "the stream was cut"
            received += piece
    assert server.process.wait(20) == 0
    assert usage(server) == {"requests": 1, "output": 60}
    assert verify(server)["is_sound"] is True


def test_a_second_server_on_a_home_is_refused(own_server: Server) -> None:
    """Protects the store from two writers, and says where the first one is."""
    command = [sys.executable, "-m", "kilonova.cli.main", "serve", "--port", str(free_port())]
    second = subprocess.run(
        [*command, "--home", str(own_server.home)], capture_output=True, text=True, timeout=30
    )
    assert second.returncode == 1
    assert own_server.url in second.stderr
    assert "Traceback" not in second.stderr


def test_a_taken_port_is_a_sentence(own_server: Server, tmp_path: Path) -> None:
    """Protects newcomers whose port is in use."""
    port = own_server.url.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "kilonova.cli.main", "serve", "--port", port]
    second = subprocess.run(
        [*command, "--home", str(tmp_path / "other")], capture_output=True, text=True, timeout=30
    )
    assert second.returncode == 1
    assert "--port" in second.stderr


def test_a_full_disk_stops_new_work_and_loses_nothing(tmp_path: Path) -> None:
    """Protects the ledger: no unmetered answer while the store cannot write; all sound after."""
    server = with_key(start_server(tmp_path / "home"))
    request = chat_body("a b c")
    assert post(server, CHAT, request, bearer(server))[0] == 200
    before = usage(server)
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    largest = max(file.stat().st_size for file in server.home.glob("kilonova.db*"))
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (largest // 2, limits[1]))
    statuses = [post(server, CHAT, request, bearer(server))[0] for _ in range(3)]
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
    assert set(statuses) <= {200, 503}
    assert 503 in statuses
    deadline = time.monotonic() + 10
    while post(server, CHAT, request, bearer(server))[0] != 200:
        assert time.monotonic() < deadline, "the store did not recover"
        time.sleep(0.2)
    assert server.stop() == 0
    after = usage(server)
    assert after["output"] == before["output"] + 3 * (1 + statuses.count(200))
    assert verify(server)["is_sound"] is True


def test_a_stalled_body_is_cut_off(tmp_path: Path) -> None:
    """Protects connections: a body has a deadline, and the refusal is an answer."""
    server = with_key(start_server(tmp_path / "home", config="[limits]\nbody_s = 0.3\n"))
    from contract.raw import connect

    with connect(server) as connection:
        connection.sendall(
            f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.bearer_key}\r\n"
            "Content-Length: 100\r\n\r\n{".encode()
        )
        assert b" 400 " in connection.recv(65_536).split(b"\r\n")[0]
    assert server.stop() == 0


def test_logs_hold_no_content(own_server: Server) -> None:
    """Protects prompts: a canary sent in and echoed out is nowhere in the log (D-4)."""
    canary = "swordfish-7731"
    status, _headers, body = post(own_server, CHAT, chat_body(canary), bearer(own_server))
    assert status == 200
    assert canary.encode() in body
    log = (own_server.home / "server.log").read_text()
    assert canary not in log
    assert own_server.bearer_key not in log.split("Kilonova is up")[0]
    assert '"event":"request"' in log


def test_a_thousand_at_once_on_a_budget_for_a_hundred(own_server: Server) -> None:
    """Protects the budget on real sockets (B-1): exactly 100 pass, the rest hear why."""
    key = own_server.new_key("--budget", "0.0002")["bearer_key"]
    statuses = asyncio.run(_flood(own_server, key, 1_000))
    assert statuses.count(200) == 100
    assert statuses.count(429) == 900


async def _flood(server: Server, key: str, count: int) -> list[int]:
    host, port = urlsplit(server.url).hostname, urlsplit(server.url).port
    body = chat_body("a", max_tokens=1)
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    barrier = asyncio.Event()

    async def one() -> int:
        reader, writer = await asyncio.open_connection(host, port)
        await barrier.wait()
        writer.write(head.encode() + body)
        answer = await reader.read()
        writer.close()
        return int(answer.split(b" ", 2)[1])

    tasks = [asyncio.create_task(one()) for _ in range(count)]
    await asyncio.sleep(0.5)
    barrier.set()
    return list(await asyncio.gather(*tasks))
