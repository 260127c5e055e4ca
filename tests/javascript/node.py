"""Runs the scenarios of one JavaScript file against a server, and gives what they saw."""

import fcntl
import json
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

from servers import Server

_HERE = Path(__file__).parent
_LOCK = _HERE / "package-lock.json"
_STAMP = _HERE / "node_modules" / ".installed"
_MAJOR_MIN = 20
_INSTALL_S = 540
_RUN_S = 120

Seen = dict[str, Any]


def missing() -> str:
    """Why the SDKs cannot run here; empty where they can."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return f"Node.js {_MAJOR_MIN} or newer with npm is not installed"
    version = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True)
    if int(version.stdout.lstrip("v").split(".")[0]) < _MAJOR_MIN:
        return f"Node.js is {version.stdout.strip()}; the SDKs need {_MAJOR_MIN} or newer"
    return ""


def install() -> None:
    """The pinned packages, once, whoever comes first."""
    with _LOCK.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = sha256(lock.read()).hexdigest()
        if _STAMP.exists() and _STAMP.read_text() == wanted:
            return
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, check=False, cwd=_HERE, capture_output=True, text=True, timeout=_INSTALL_S
        )
        assert done.returncode == 0, done.stderr
        _STAMP.write_text(wanted)


def run(script: str, server: Server, **environment: str) -> Seen:
    """What each scenario of the script saw, by its name."""
    variables = {
        **os.environ,
        "KILONOVA_URL": server.url,
        "KILONOVA_BEARER_KEY": server.bearer_key,
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        **environment,
    }
    if server.url.startswith("https:"):
        variables["NODE_EXTRA_CA_CERTS"] = str(server.authority)
    done = subprocess.run(
        ["node", script],
        check=False,
        cwd=_HERE,
        env=variables,
        capture_output=True,
        text=True,
        timeout=_RUN_S,
    )
    assert done.returncode == 0, done.stderr
    seen: Seen = json.loads(done.stdout)
    return seen


def ok(seen: Seen, name: str) -> Any:
    """One scenario, which ran to its end."""
    found = seen[name]
    assert "unexpected" not in found, found["unexpected"]
    return found
