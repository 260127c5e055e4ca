"""The one place that writes to the terminal: plain lines, flushed, with the time of day."""

import sys
import time

__all__ = ["report"]


def report(line: str) -> None:
    """Write one line of progress."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()
