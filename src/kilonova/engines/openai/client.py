"""HTTP to an engine: one session, one way to ask, one way in which connections fail.

Nothing is retried here: the engine may have begun when a connection breaks.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable

import aiohttp
import msgspec

from kilonova.core.errors import EngineFailed, EngineTimeout, KilonovaError, ModelNotReady
from kilonova.engines.openai.chunks import Chunk, WireError, decode_chunk
from kilonova.engines.openai.sse import EventSplitter

__all__ = ["Client", "Refusal", "read_refusal"]

_ANSWER_BYTES_MAX = 64 << 20
_READ_BYTES = 1 << 16


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An answer other than 200, for the engine to translate into an error of ours."""

    status: int
    error: WireError
    retry_after_s: float | None = None


class Client:
    """Talks to one server. Open it on the event loop that uses it; it owns its session."""

    def __init__(
        self,
        url: str,
        *,
        socket_path: str | None = None,
        headers: dict[str, str],
        connect_s_max: float,
        silence_s_max: float,
        translate: Callable[[Refusal], KilonovaError],
    ) -> None:
        self._url = url.rstrip("/")
        self._connect_s_max = connect_s_max
        self._silence_s_max = silence_s_max
        self._translate = translate
        # llama.cpp gives a kept connection a thread of its few; a Unix socket costs 50 µs to open.
        connector: aiohttp.BaseConnector = (
            aiohttp.UnixConnector(socket_path, limit=0, force_close=True)
            if socket_path
            else aiohttp.TCPConnector(limit=0)
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"Content-Type": "application/json", **headers},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            read_bufsize=_READ_BYTES,
        )

    async def close(self) -> None:
        await self._session.close()

    async def ask(
        self, path: str, body: bytes | None = None, *, silence_s_max: float | None = None
    ) -> bytes:
        """One whole answer; GET without a body. ``silence_s_max`` where it may take longer."""
        try:
            async with self._request(path, body, silence_s_max) as response:
                content = await _whole(response)
                if response.status != 200:
                    raise self._translate(_refusal(response, content))
                return content
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise _broken(error, has_answered=False) from error

    async def stream(self, path: str, body: bytes) -> AsyncGenerator[list[Chunk], None]:
        """The chunks of a streamed answer, those together that came together; closing it closes
        the connection."""
        has_answered = False
        try:
            async with self._request(path, body) as response:
                if response.status != 200:
                    raise self._translate(_refusal(response, await _whole(response)))
                has_answered = True
                splitter = EventSplitter()
                async for received in response.content.iter_any():
                    yield splitter.feed(received)
                    if splitter.is_done:
                        return
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise _broken(error, has_answered=has_answered) from error

    def _request(
        self, path: str, body: bytes | None, silence_s_max: float | None = None
    ) -> "aiohttp.client._RequestContextManager":
        timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=self._connect_s_max,
            sock_read=self._silence_s_max if silence_s_max is None else silence_s_max,
        )
        url, method = f"{self._url}{path}", "GET" if body is None else "POST"
        return self._session.request(method, url, data=body, allow_redirects=False, timeout=timeout)


def _refusal(response: aiohttp.ClientResponse, content: bytes) -> Refusal:
    wait = response.headers.get("Retry-After", "")
    return read_refusal(response.status, content, retry_after=wait)


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    received = bytearray()
    async for part in response.content.iter_any():
        received += part
        if len(received) > _ANSWER_BYTES_MAX:
            raise EngineFailed("The engine sent an answer that is too large.")
    return bytes(received)


def read_refusal(status: int, content: bytes, *, retry_after: str = "") -> Refusal:
    """What an answer other than 200 says. Not every server says it in JSON."""
    try:
        error = decode_chunk(content).error or WireError()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        error = WireError()
    wait_s = float(retry_after) if retry_after.isdigit() else None
    return Refusal(status=status, error=error, retry_after_s=wait_s)


def _broken(error: Exception, *, has_answered: bool) -> KilonovaError:
    if isinstance(error, asyncio.TimeoutError):
        return EngineTimeout("The engine did not answer in time; try again.")
    if isinstance(error, aiohttp.ClientConnectorError) and not has_answered:
        return ModelNotReady(
            "The engine cannot be reached; try again.", retry_after_s=1, reason="connection"
        )
    return EngineFailed("The connection to the engine broke; try again.", reason="connection")
