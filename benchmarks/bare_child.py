"""``python -m benchmarks.bare_child FILE``: the packaged model's child with nothing before it.

Started by the engine's own launcher with the engine's own settings. Where it listens and the key
that it wants are written to FILE as a ``Place``; it ends with this process.
"""

import asyncio
import signal
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from kilonova.catalog.catalog import PACKAGED_WEIGHTS
from kilonova.core.errors import ModelNotReady
from kilonova.engines.llamacpp.launch import Launcher, Options

__all__ = ["Place"]


class Place(Struct, frozen=True):
    """``address`` is the path of a Unix socket."""

    address: str
    key: str


async def _serve(file: Path) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    child = await Launcher(Options(model=str(PACKAGED_WEIGHTS / "spark-v1.gguf"))).launch()
    try:
        spec = child.process.spec
        draft = file.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(Place(spec.socket_path, spec.api_key)))
        draft.replace(file)
        await ended.wait()
    finally:
        await child.close(ModelNotReady("The benchmark is over."))


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
