"""``python -m kilonova.engines.llamacpp --spec spec.json``: the child process of one model."""

import sys
from pathlib import Path

from kilonova.engines.llamacpp.child import run

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "--spec":
        sys.exit("usage: python -m kilonova.engines.llamacpp --spec spec.json")
    run(Path(sys.argv[2]))
