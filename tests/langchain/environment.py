"""The environment of LangChain's classes: its own, since they want other versions than we do.

It is installed from the lock file beside this one, once, and kept in the environment of the tests.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["PYTHON", "install"]

_HERE = Path(__file__).parent
_ENVIRONMENT = Path(sys.prefix) / "langchain"
_INSTALL_S = 540

PYTHON = _ENVIRONMENT / "bin" / "python"


def install() -> str:
    """Why the classes cannot run here; empty where they can."""
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
