"""``python -m benchmarks.serve_asgi MODULE PORT``: an ``app`` on the server that Kilonova uses.

The settings are those of ``kilonova.server``, so that only the applications differ.
"""

import gc
import sys
from importlib import import_module

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

__all__: list[str] = []


async def _serve(module: str, port: int) -> None:
    server = Server(
        import_module(module).app,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.auto,
        websockets=False,
        backlog=2_048,
        backpressure=4_096,
        http1_settings=HTTP1Settings(max_buffer_size=131_072),
        log_enabled=False,
    )
    gc.collect()
    gc.freeze()
    await server.serve()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], int(sys.argv[2])))
