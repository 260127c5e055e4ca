"""What is measured against what: the servers under test, each with the way to ask it.

All of them sit in front of the same mock upstream; Kilonova also serves its own engines.
"""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.client import Job
from benchmarks.mock_upstream import WORD, WORDS
from benchmarks.processes import GATEWAY_CORE, LOAD_CORE, Process, free_port

__all__ = [
    "PROMPT", "Target", "asked", "kilonova", "litellm", "mock_upstream", "pass_through",
    "prepare_home",
]  # fmt: skip

PROMPT = " ".join([WORD] * WORDS)
_PATH = "/v1/chat/completions"
_CLI = [sys.executable, "-m", "kilonova.cli.main"]
# Every limit is set, so that every limit is checked; none is ever reached.
_LIMITS = ["--rpm", "1000000000", "--tpm", "1000000000", "--budget", "1000000"]

_SPARK_OFF = """\
[engines.spark]
enabled = false
"""
_UPSTREAM = """\
[engines.mock]
kind = "upstream"
url = "http://{address}/v1"

[models."bench.fake"]
engine = "mock"
engine_model = "fake"

[models."bench.fake".price]
currency = "USD"
input = "0.50"
output = "1.50"
version = "bench"
"""

_LITELLM = {
    "litellm_settings": {"num_retries": 0, "telemetry": False},
    "router_settings": {"disable_cooldowns": True},
}


class Target(Struct, frozen=True, kw_only=True):
    """A running server. ``model`` is the mock's model as this server calls it."""

    name: str
    process: Process
    address: str
    model: str = "fake"
    key: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.address}"


def asked(
    target: Target, prompt: str = PROMPT, *, is_streamed: bool = False, model: str = ""
) -> Job:
    """The job of asking ``target`` once over one connection; ``replace`` the rest."""
    body: dict[str, object] = {
        "model": model or target.model,
        "messages": [{"role": "user", "content": prompt}],
    }
    if is_streamed:
        body["stream"] = True
    return Job(
        address=target.address,
        path=_PATH,
        body=json.dumps(body, separators=(",", ":")),
        headers={"authorization": f"Bearer {target.key}"} if target.key else {},
        expected=(WORD, "[DONE]") if is_streamed else (WORD, '"usage"'),
        first=WORD,
        cpu=LOAD_CORE,
    )


@contextmanager
def _asgi(module: str, folder: Path, *, core: int, upstream: str = "") -> Iterator[Target]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.serve_asgi", f"benchmarks.{module}", str(port)]
    environment = {"BENCHMARK_UPSTREAM": upstream}
    log = folder / f"{module}.log"
    with Process(command, log=log, core=core, environment=environment) as process:
        target = Target(name=module, process=process, address=f"127.0.0.1:{port}")
        process.wait_for(target.url)
        yield target


@contextmanager
def mock_upstream(folder: Path) -> Iterator[Target]:
    """The vendor that everybody forwards to."""
    with _asgi("mock_upstream", folder, core=LOAD_CORE) as target:
        yield target


@contextmanager
def pass_through(folder: Path, upstream: Target) -> Iterator[Target]:
    """The reference: a gateway that does nothing."""
    with _asgi("pass_through", folder, core=GATEWAY_CORE, upstream=upstream.url) as target:
        yield target


def prepare_home(home: Path, *, upstream: Target | None = None, has_spark: bool = False) -> str:
    """Writes a configuration and makes a key with every limit; returns its bearer key."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = "" if has_spark else _SPARK_OFF
    if upstream is not None:
        text += _UPSTREAM.format(address=upstream.address)
    (home / "kilonova.toml").write_text(text)
    command = [*_CLI, "keys", "create", "--json", "--home", str(home), *_LIMITS]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    key = msgspec.json.decode(made.stdout, type=dict[str, str | None])["bearer_key"]
    assert key is not None, "a key of the default kind has a bearer part"
    return key


@contextmanager
def kilonova(home: Path, key: str, *, core: int | None = GATEWAY_CORE) -> Iterator[Target]:
    """``kilonova serve`` as its users start it. Not awaited: ``process.wait_for`` does that."""
    port = free_port()
    command = [*_CLI, "serve", "--home", str(home), "--port", str(port)]
    with Process(command, log=home / "server.log", core=core) as process:
        address = f"127.0.0.1:{port}"
        yield Target(name="kilonova", process=process, address=address, model="bench.fake", key=key)


@contextmanager
def litellm(python: Path, folder: Path, upstream: Target) -> Iterator[Target]:
    """The LiteLLM proxy of another interpreter: one worker, no database, hence no budgets."""
    port, key = free_port(), f"sk-{secrets.token_hex(24)}"
    model = {"model": "hosted_vllm/fake", "api_base": f"{upstream.url}/v1", "api_key": "sk-x"}
    config = {
        **_LITELLM,
        "model_list": [{"model_name": "fake", "litellm_params": model}],
        "general_settings": {"master_key": key},
    }
    path = folder / "litellm.json"  # JSON is YAML
    path.write_text(json.dumps(config))
    command = [str(python.parent / "litellm"), "--config", str(path), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--num_workers", "1"]
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    log = folder / "litellm.log"
    with Process(command, log=log, core=GATEWAY_CORE, environment=environment) as process:
        target = Target(name="litellm", process=process, address=f"127.0.0.1:{port}", key=key)
        process.wait_for(f"{target.url}/health/liveliness", wait_s=180)
        yield target
