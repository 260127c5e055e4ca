"""The environment of FOCUS's validator: its own, since it wants an older numpy than we do.

It is installed from the lock file beside this one, once, and kept in the environment of the tests.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["install", "validate"]

_HERE = Path(__file__).parent
_ENVIRONMENT = Path(sys.prefix) / "focus"
_INSTALL_S = 300
_RUN_S = 120


def install() -> str:
    """Why the validator cannot run here; empty where it can."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        return "uv is not installed"
    done = subprocess.run(
        [uv, "sync", "--frozen", "--quiet", "--python", sys.executable, "--project", str(_HERE)],
        check=False,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(_ENVIRONMENT)},
        capture_output=True,
        text=True,
        timeout=_INSTALL_S,
    )
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def validate(file: Path, version: str, *, rule_set: Path | None = None) -> str:
    """What the validator says of a CSV file; it ends with a verdict. Without ``rule_set`` by the
    rules that come with it."""
    packages = next((_ENVIRONMENT / "lib").glob("python*/site-packages"))
    command = [str(_ENVIRONMENT / "bin" / "focus-validator"), "--data-file", str(file)]
    if rule_set is not None:
        command += ["--rule-set-path", str(rule_set)]
    done = subprocess.run(
        [*command, "--validate-version", version],
        check=False,
        cwd=packages,  # it looks for its list of currencies from here
        capture_output=True,
        text=True,
        timeout=_RUN_S,
    )
    return done.stdout + done.stderr
