"""The recipe's engine ends when it is told to, also before it was asked anything."""

import os
import subprocess
import sys
from pathlib import Path

from engines.engine_files import write_tiny_model

_SCRIPT = """
import sys
from pathlib import Path
from structure.engine import serve
for _ in range(3):
    with serve(Path(sys.argv[1])):
        pass
"""


def test_an_engine_that_was_asked_nothing_closes(tmp_path: Path) -> None:
    """Protects training runs from standing still for ever, as one in four processes did."""
    model = write_tiny_model(tmp_path / "tiny.gguf")
    command = [sys.executable, "-c", _SCRIPT, str(model)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    runs = [subprocess.Popen(command, env=environment) for _ in range(3)]
    try:
        assert [run.wait(timeout=60) for run in runs] == [0, 0, 0]
    finally:
        for run in runs:
            run.kill()
