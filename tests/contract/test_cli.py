"""The real command line against a real server process, and against a home without one."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import boto3
import botocore.exceptions
import openai
import pytest
from botocore.config import Config

from kilonova.home import Home, ServerNote
from servers import Server, cli, free_port, start_server

ECHO = "kilonova.echo-v1:0"
# The packaged model takes a second to start and has nothing to do with the command line.
ECHO_ONLY = "[engines.spark]\nenabled = false\n"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the echo model alone."""
    running = start_server(tmp_path_factory.mktemp("cli"), config=ECHO_ONLY)
    yield running
    assert running.stop() == 0


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A home on which no server has ever run."""
    home = tmp_path / "bare"
    home.mkdir(mode=0o700)
    (home / "kilonova.toml").write_text(ECHO_ONLY)
    return home


def ask_openai(server: Server, key: dict[str, str], text: str = "one two") -> str | None:
    client = openai.OpenAI(
        base_url=f"{server.url}/v1", api_key=key["bearer_key"], max_retries=0, timeout=30
    )
    with client:
        answer = client.chat.completions.create(
            model=ECHO, messages=[{"role": "user", "content": text}], max_tokens=8
        )
    return answer.choices[0].message.content


def ask_boto3(server: Server, key: dict[str, str], text: str = "one two") -> str:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=key["access_key_id"],
        aws_secret_access_key=key["secret_access_key"],
        config=Config(retries={"max_attempts": 0}),
    )
    answer = client.converse(
        modelId=ECHO,
        messages=[{"role": "user", "content": [{"text": text}]}],
        inferenceConfig={"maxTokens": 8},
    )
    client.close()
    said: str = answer["output"]["message"]["content"][0]["text"]
    return said


def in_json(*arguments: str, home: Path, code: int = 0) -> Any:
    done = cli(*arguments, "--json", home=home, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_key_made_while_the_server_runs_works_at_once(here: Server) -> None:
    """Protects the first minute of every customer, on both kinds of key."""
    key = here.new_key()
    assert ask_openai(here, key) == "one two"
    assert ask_boto3(here, key) == "one two"


def test_a_revoked_key_stops_within_a_second(here: Server) -> None:
    """Protects a customer whose key leaked: both parts of it die together."""
    key = here.new_key()
    ask_openai(here, key)
    ask_boto3(here, key)
    assert cli("keys", "revoke", key["id"], home=here.home).returncode == 0
    time.sleep(1)
    with pytest.raises(openai.AuthenticationError):
        ask_openai(here, key)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        ask_boto3(here, key)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_budget_holds(here: Server) -> None:
    """Protects a customer's money: what a budget does not cover is refused, at any level."""
    # The echo model costs a millionth a token: two words in and at most eight out are ten.
    key = here.new_key("--budget", "0.000010")
    assert ask_openai(here, key) == "one two"
    with pytest.raises(openai.RateLimitError) as refused:
        ask_openai(here, key)
    assert refused.value.code == "insufficient_quota"
    level = in_json("limits", "show", key["id"], home=here.home)
    assert level["spent"] == "0.000004000"
    in_json("limits", "set", key["id"], "--budget", "none", home=here.home)
    assert ask_openai(here, key) == "one two"


def test_a_rate_limit_holds(here: Server) -> None:
    """Protects a shared machine from one caller."""
    key = here.new_key("--rpm", "1")
    ask_openai(here, key)
    with pytest.raises(openai.RateLimitError) as refused:
        ask_openai(here, key)
    assert refused.value.code == "rate_limit_exceeded"


def test_usage_adds_up(here: Server) -> None:
    """Protects the bill: every view of the same requests has the same sum, equal to its parts."""
    cli("organisations", "create", "acme", home=here.home)
    key = here.new_key("--organisation", "acme")
    for count in (1, 2, 3):
        ask_openai(here, key, " ".join(["word"] * count))
    expected = {"requests": 3, "input_tokens": 6, "output_tokens": 6, "price": "0.000012000"}
    for by in ("model", "project", "key", "day"):
        report = in_json("usage", "--by", by, "--organisation", "acme", home=here.home)
        (total,), (row,) = report["totals"], report["data"]
        assert {name: total[name] for name in expected} == expected
        assert {name: row[name] for name in expected} == expected
    listed = here.admin("GET", "/requests?organisation=acme")["data"]
    assert isinstance(listed, list)
    assert [each["price"] for each in listed] == ["0.000002000", "0.000004000", "0.000006000"]


def test_the_ledger_is_sound_beside_a_running_server(here: Server) -> None:
    """Protects the operator: the check needs no downtime."""
    assert in_json("ledger", "verify", home=here.home)["is_sound"] is True


def test_a_corrupted_ledger_is_exit_code_8(here: Server, tmp_path: Path) -> None:
    """Protects the books: one changed amount is found, in a copy that no server runs on."""
    ask_openai(here, here.new_key())
    copy = tmp_path / "copy"
    copy.mkdir(mode=0o700)
    for name in ("master.key", "kilonova.toml"):
        shutil.copy2(here.home / name, copy / name)
    source = apsw.Connection(str(here.home / "kilonova.db"))
    target = apsw.Connection(str(copy / "kilonova.db"))
    with target.backup("main", source, "main") as backup:
        backup.step()
    source.close()
    assert in_json("ledger", "verify", home=copy)["is_sound"] is True
    target.execute("UPDATE usage_records SET price_nano = price_nano + 1 WHERE price_nano > 0")
    target.close()
    broken = in_json("ledger", "verify", home=copy, code=8)
    assert broken["is_sound"] is False
    assert broken["problems"]


def test_the_command_line_needs_no_server(bare: Path) -> None:
    """Protects the operator before the first start and after a stop."""
    key = in_json("keys", "create", "--name", "early", home=bare)
    names = [each["name"] for each in in_json("keys", "list", home=bare)["data"]]
    assert "early" in names
    running = start_server(bare)
    try:
        assert ask_openai(running, key) == "one two"
    finally:
        assert running.stop() == 0
    assert in_json("usage", home=bare)["totals"][0]["requests"] == 1
    assert in_json("keys", "revoke", key["id"], home=bare)["revoked_at"]


def test_the_first_start_shows_a_key_once(bare: Path) -> None:
    """Protects the first minute, and the key from every later look at the screen."""
    running = start_server(bare)
    assert running.stop() == 0
    first = (bare / "server.log").read_text()
    lines = dict(
        word.split("=", 1) for line in first.splitlines() for word in line.split() if "=" in word
    )
    assert lines["OPENAI_BASE_URL"] == f"{running.url}/v1"
    assert lines["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] == running.url
    secrets = (lines["OPENAI_API_KEY"], lines["AWS_SECRET_ACCESS_KEY"])
    assert all(first.count(secret) == 1 for secret in secrets)
    (bare / "server.log").unlink()
    again = start_server(bare)
    try:
        key = {
            "bearer_key": lines["OPENAI_API_KEY"],
            "access_key_id": lines["AWS_ACCESS_KEY_ID"],
            "secret_access_key": lines["AWS_SECRET_ACCESS_KEY"],
        }
        assert ask_openai(again, key) == "one two"
        assert ask_boto3(again, key) == "one two"
    finally:
        assert again.stop() == 0
    later = (bare / "server.log").read_text()
    assert again.url in later
    assert not any(secret in later for secret in secrets)
    assert again.admin_token not in first + later


def test_one_server_a_home_and_one_a_port(here: Server, bare: Path) -> None:
    """Protects the store from two writers, and people from a port that is taken."""
    second = cli("serve", "--port", "1", home=here.home, check=False)
    assert second.returncode == 1
    taken = cli("serve", "--port", here.url.rpartition(":")[2], home=bare, check=False)
    assert taken.returncode == 1
    assert "--port" in taken.stderr
    assert "Traceback" not in second.stderr + taken.stderr


@pytest.mark.parametrize("command", [("serve",), ("keys", "list"), ("config", "show")])
def test_a_wrong_configuration_is_exit_code_3(bare: Path, command: tuple[str, ...]) -> None:
    """Protects whoever mistypes a setting: named, and nothing is started."""
    (bare / "kilonova.toml").write_text("[server]\nprot = 1\n")
    done = cli(*command, home=bare, check=False)
    assert done.returncode == 3
    assert "server.prot" in done.stderr


@pytest.mark.slow
def test_a_slip_in_the_home_makes_no_installation(tmp_path: Path) -> None:
    """Protects from an empty list that looks like an answer: a home that is not there is named, and
    is still not there afterwards."""
    nowhere = tmp_path / "nowhere"
    for command in (("keys", "list"), ("pnl",), ("members", "list"), ("ledger", "verify")):
        done = cli(*command, home=nowhere, check=False)
        assert done.returncode == 4, done.stderr
        assert f"no installation in {nowhere}" in done.stderr
    assert not nowhere.exists()


def test_a_store_that_is_no_database_is_exit_code_8(bare: Path) -> None:
    """Protects monitoring: a file that was overwritten is told apart from other failures."""
    bare.mkdir(exist_ok=True)
    (bare / "kilonova.db").write_bytes(b"not a database at all\n" * 1000)
    done = cli("usage", home=bare, check=False)
    assert done.returncode == 8, done.stderr
    assert "is broken" in done.stderr


def test_a_silent_server_is_exit_code_6(bare: Path) -> None:
    """Protects scripts from hanging on a server that holds the home and does not answer."""
    home = Home(bare)
    home.lock()
    home.write_server_note(ServerNote(url="http://127.0.0.1:1", pid=os.getpid()))
    try:
        done = cli("keys", "list", home=bare, check=False)
    finally:
        home.unlock()
    assert done.returncode == 6


def _chat(home: Path, question: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "kilonova.cli.main", "chat", "--home", str(home)]
    return subprocess.run(
        command, input=question, capture_output=True, text=True, timeout=60, check=False
    )


def test_chat_answers_a_pipe(here: Server) -> None:
    """Protects ``echo … | kilonova chat``: the answer alone on standard output, facts beside it."""
    done = _chat(here.home, "tell me more\n")
    assert (done.returncode, done.stdout) == (0, "tell me more\n")
    assert "3 tokens in, 3 out, 0.000006000 USD" in done.stderr
    keys = in_json("keys", "list", home=here.home)["data"]
    assert all(key["revoked_at"] for key in keys if key["name"] == "kilonova chat")


def test_chat_starts_a_server_where_none_runs(bare: Path) -> None:
    """Protects the shortest way to an answer, and the machine from a forgotten server."""
    done = _chat(bare, "hello")
    assert (done.returncode, done.stdout) == (0, "hello\n")
    Home(bare).lock()


def test_chat_reports_what_the_server_refuses(here: Server) -> None:
    """Protects scripts: a refused question fails with the server's own sentence."""
    command = [sys.executable, "-m", "kilonova.cli.main", "chat", "nonsense"]
    done = subprocess.run(
        [*command, "--home", str(here.home)],
        input="hello", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert "nonsense" in done.stderr
    assert done.stdout == ""


class Teletype:
    """``kilonova chat`` on a terminal of its own."""

    def __init__(self, home: Path) -> None:
        self.terminal, other = pty.openpty()
        command = [sys.executable, "-m", "kilonova.cli.main", "chat", "--home", str(home)]
        # A suite that was started in the background ignores Ctrl-C, and so would its children.
        ours = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self.process = subprocess.Popen(
                command, stdin=other, stdout=other, stderr=other, start_new_session=True
            )
        finally:
            signal.signal(signal.SIGINT, ours)
        os.close(other)
        self.screen = ""

    def type(self, line: str) -> None:
        os.write(self.terminal, f"{line}\n".encode())

    def wait_for(self, text: str, wait_s: float = 20) -> None:
        """Reads until the text is on the screen, and forgets everything up to it."""
        deadline = time.monotonic() + wait_s
        while text not in self.screen:
            assert time.monotonic() < deadline, self.screen
            if select.select([self.terminal], [], [], 0.5)[0]:
                self.screen += os.read(self.terminal, 4096).decode(errors="replace")
        self.screen = self.screen.partition(text)[2]

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def leave(self) -> int:
        """Ctrl-C until it ends: one that comes as the prompt is shown is not noticed by Python."""
        for _ in range(20):
            self.interrupt()
            try:
                return self.process.wait(2)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError(self.screen)


def test_ctrl_c_stops_the_answer_and_then_the_chat(here: Server) -> None:
    """Protects the person at the terminal, and the bill: a stopped answer costs what it wrote."""
    chat = Teletype(here.home)
    try:
        chat.wait_for("> ")
        chat.type("hello once")
        chat.wait_for("2 tokens in, 2 out")
        chat.wait_for("> ")
        chat.type("again and again [[echo: tokens=1000, delay_ms=20]]")
        chat.wait_for("again and again again")
        chat.interrupt()
        chat.wait_for("[stopped, ")
        chat.wait_for("> ")
        assert chat.leave() == 130
    finally:
        chat.process.kill()
        chat.process.wait()
        os.close(chat.terminal)
    requests = here.admin("GET", "/requests?limit=1000")["data"]
    assert isinstance(requests, list)
    stopped = requests[-1]
    assert stopped["outcome"] == "cancelled"
    assert 0 < stopped["output_tokens"] < 1000


@pytest.mark.slow
def test_the_doctor_finds_a_fresh_installation_fit(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects the first look: a new home passes, with one real request over each wire."""
    monkeypatch.setenv("KILONOVA_SERVER__PORT", str(free_port()))
    report = in_json("doctor", home=bare)
    verdicts = {each["check"]: each["verdict"] for each in report["findings"]}
    assert report["is_fit"] is True
    wires = ("aws", "openai", "responses", "azure", "anthropic", "gemini", "deepseek")
    assert [verdicts[f"{wire} wire"] for wire in wires] == ["OK"] * 7
    assert verdicts["ledger"] == "OK"


@pytest.mark.slow
def test_the_doctor_finds_an_open_key_file(bare: Path) -> None:
    """Protects the master key: whoever can read it can read every secret."""
    in_json("keys", "list", home=bare)
    (bare / "master.key").chmod(0o644)
    report = in_json("doctor", home=bare, code=1)
    bad = next(each for each in report["findings"] if each["check"] == "master key")
    assert bad["verdict"] == "FAIL"
    assert "chmod 600" in bad["fix"]


def test_a_plan_is_made_by_the_server_from_its_own_records(here: Server) -> None:
    """Protects --from-usage over the wire: metered lengths go in, the whole plan comes back."""
    key = json.loads(cli("keys", "create", "--json", home=here.home).stdout)
    for _ in range(3):
        ask_openai(here, key, "one two three four")
    ask = ("plan", "--from-usage", "--usage-of", ECHO, "--model", "llama-3.1-8b", "--json")
    made = json.loads(
        cli(*ask, "--accelerators", "h100", "--arrivals", "50", home=here.home).stdout
    )
    rows = json.loads(cli("usage", "--json", home=here.home).stdout)["data"]
    (row,) = (each for each in rows if each["group"] == ECHO)
    read = row["input_tokens"] + row["cache_read_tokens"] + row["cache_write_tokens"]
    assert made["workload"]["input_tokens"] == pytest.approx(read / row["requests"])
    assert made["workload"]["output_tokens"] == pytest.approx(
        row["output_tokens"] / row["requests"]
    )
    assert made["options"][0]["usd_a_day"]["value"] > 0
    assert made["tail"]["requests"] == 50
