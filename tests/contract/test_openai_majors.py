"""Both majors of the OpenAI SDK see the same of one server: the newest, and the one before it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from servers import Server

SCRIPT = Path(__file__).with_name("openai_scenarios.py")
INSTALL_S = 100

EXPECTED: dict[str, Any] = {
    "whole": ["one two", 4],
    "stream": ["one two", 4, 3],
    "tools": [[["add", {"a": 3, "b": 3}], ["add", {"a": 3, "b": 3}]], 2],
    "typed": ["City", ["name", "people"]],
    "embeddings": [[8, 8], 2],
    "models": [True, "kilonova.echo-v1:0"],
    "completions": [["one", "two"], "one two", ["one"]],
    "moderations": [[True, None], [False, None]],
    "responses": ["one two", 4, "one two", "response.created", "response.completed"],
    "failures": {
        "model": ["NotFoundError", "model_not_found", 1],
        "parameter": ["BadRequestError", "decimal_above_max_value", 1],
        "overloaded": ["InternalServerError", "server_is_overloaded", 3],
        "broken": ["InternalServerError", "engine_failed", 3],
        "key": ["AuthenticationError", "invalid_api_key", 1],
    },
    "breaks": ["one", "APIError", "engine_failed"],
}


def run(command: list[str], server: Server) -> subprocess.CompletedProcess[str]:
    variables = {
        "KILONOVA_URL": server.url,
        "KILONOVA_BEARER_KEY": server.bearer_key,
        # The script is to meet the SDK of its own environment, and nothing of ours.
        "PYTHONPATH": "",
    }
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=INSTALL_S,
        env={**os.environ, **variables},
    )


def seen_by(command: list[str], server: Server) -> dict[str, Any]:
    done = run([*command, str(SCRIPT)], server)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def test_the_newest_major(server: Server) -> None:
    """Protects the SDK that this project is tested with everywhere else."""
    seen = seen_by([sys.executable], server)
    assert seen.pop("version").startswith("3.")
    assert seen == EXPECTED


def test_the_major_before(server: Server) -> None:
    """Protects LangChain, LiteLLM and all who have not moved on: they see the very same."""
    seen = seen_by(_previous(server), server)
    assert seen.pop("version") == "2.54.0"
    assert seen == EXPECTED


def _previous(server: Server) -> list[str]:
    """How to run the script with its own locked dependencies: from uv's cache, or installed now."""
    here = Path(sys.executable).parent
    uv = shutil.which("uv", path=os.pathsep.join([str(here), os.environ.get("PATH", "")]))
    if uv is None:
        pytest.skip("uv is not installed, which keeps an environment with openai 2.54")
    for more in (["--offline"], []):
        command = [uv, "run", "--quiet", "--locked", *more, "--python", sys.executable, "--script"]
        tried = run([*command, str(SCRIPT), "version"], server)
        if tried.returncode == 0:
            return command
    pytest.skip(f"openai 2.54 cannot be installed here: {tried.stderr.strip()[-200:]}")
