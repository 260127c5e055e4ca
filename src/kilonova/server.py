"""Runs the application behind a socket until a signal ends it.

The first SIGTERM or SIGINT drains: new requests get 503, running ones finish (up to
``server.drain_s``), settlements reach the disk, engines stop. A second one ends at once; what was
not settled then is recovered at the next start.
"""

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from msgspec import Struct

from kilonova.accounts.service import FirstStart
from kilonova.app import Application
from kilonova.core.model import Model
from kilonova.home import Home, ServerNote
from kilonova.settings import ServerSettings, Settings
from kilonova.telemetry.log import log_event
from kilonova.tls.error import TlsError

if TYPE_CHECKING:
    from granian.server.embed import Server

    from kilonova.tls.certificate import ServerCertificate
    from kilonova.tls.keeper import CertificateKeeper

__all__ = ["Announcement", "PortInUseError", "serve"]

_BACKLOG = 2_048
# Python sees at most this many requests at once; beyond it connections wait in the server.
_REQUESTS_MAX = 4_096
_HEADER_BYTES_MAX = 131_072
_LAG_EVERY_S = 1.0
_ADVICE = {
    errno.EADDRINUSE: "Choose another with --port.",
    errno.EACCES: "Ports below 1024 are the system's; choose another with --port.",
    errno.EADDRNOTAVAIL: "This machine has no such address; see --host.",
    socket.EAI_NONAME: "This machine has no such address; see --host.",
}


class PortInUseError(RuntimeError):
    """Something else listens on the address."""


class Announcement(Struct, frozen=True, kw_only=True):
    """What a person wants to know when the server is up. ``first`` holds secrets, shown once."""

    url: str
    home: Path
    models: tuple[Model, ...]
    first: FirstStart | None
    certificate: "ServerCertificate | None" = None
    has_console: bool = False
    setup_token: str | None = None


def serve(
    home: Home,
    settings: Settings,
    *,
    model_file: Path | None = None,
    announce: Callable[[Announcement], None] | None,
) -> int:
    """Blocks until the server has ended; 0 when it drained, 1 when it was cut short.

    Without ``announce`` nobody would see the first key, so none is made.

    Raises HomeInUseError, PortInUseError, SettingsError, TlsError, VaultError or the store's own
    errors before anything is served.
    """
    home.prepare()
    home.lock()
    try:
        # The note of a server that crashed: whoever listens there now must not be sent the token.
        home.remove_server_note()
        _check_port(settings.server)
        keeper = _keeper(home, settings)
        return uvloop.run(_serve(home, settings, model_file, keeper=keeper, announce=announce))
    finally:
        home.unlock()


def _check_port(server: ServerSettings) -> None:
    """The server shares its port with other processes (SO_REUSEPORT), so it would not notice."""
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((server.host, server.port))
        except OSError as error:
            advice = _ADVICE.get(error.errno or 0, "Check --host and --port.")
            raise PortInUseError(
                f"Cannot listen on {server.host}:{server.port}: {error.strerror}. {advice}"
            ) from None


async def _serve(
    home: Home,
    settings: Settings,
    model_file: Path | None,
    *,
    keeper: "CertificateKeeper | None",
    announce: Callable[[Announcement], None] | None,
) -> int:
    application = await Application.open(
        home, settings, model_file=model_file, can_show_key=announce is not None
    )
    try:
        async with asyncio.TaskGroup() as owner:
            signals = _Signals(asyncio.get_running_loop())
            listener = _listen(application, settings, keeper)
            serving = owner.create_task(listener.serve())
            starting = owner.create_task(application.start_engines())
            await _until_listening(serving, settings.server)
            note = _note(settings.server, keeper)
            home.write_server_note(note)
            watching = [owner.create_task(_watch_loop(application))]
            sweeping = application.sweep_shelf(settings.limits.kept_sweep_s)
            watching.append(owner.create_task(sweeping))
            pricing = application.prices.watch(settings.prices.check_s)
            watching.append(owner.create_task(pricing))
            watching.append(owner.create_task(application.run_jobs()))
            watching.append(owner.create_task(_reload(application, signals)))
            if keeper is not None:
                renewing = _renew(keeper, listener, home=home, settings=settings)
                watching.append(owner.create_task(renewing))
            if announce is not None:
                announce(_announcement(application, settings, home, keeper=keeper))
            # Everything alive now stays: collecting it again and again costs time per request.
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 20, 20)
            await signals.first.wait()
            log_event(logging.INFO, "draining", deadline_s=settings.server.drain_s)
            is_drained = await _drain(application, settings.server.drain_s, signals)
            home.remove_server_note()
            for task in (starting, *watching):
                task.cancel()
            application.edge.cut()
            listener.stop()
            await serving
            return 0 if is_drained else 1
    finally:
        home.remove_server_note()
        await application.close()


def _keeper(home: Home, settings: Settings) -> "CertificateKeeper | None":
    """Raises TlsError when there is no certificate to serve with; None without TLS."""
    if not settings.tls.enabled:
        return None
    from kilonova.tls.keeper import CertificateKeeper

    return CertificateKeeper(home, settings.server, settings.tls)


def _note(server: ServerSettings, keeper: "CertificateKeeper | None", *before: str) -> ServerNote:
    """For this machine: the command line knows the certificate itself, whatever names it has."""
    where = f"{_in_url(server.host)}:{server.port}"
    if keeper is None:
        return ServerNote(url=f"http://{where}", pid=os.getpid())
    return ServerNote(
        url=f"https://{where}",
        pid=os.getpid(),
        certificates=(keeper.current.pem, *before),
        authority=str(keeper.current.authority_file or ""),
    )


def _announcement(
    application: Application,
    settings: Settings,
    home: Home,
    *,
    keeper: "CertificateKeeper | None",
) -> Announcement:
    return Announcement(
        url=_public_url(settings.server, keeper),
        home=home.path,
        models=application.prices.models_now(),
        first=application.books.first_start,
        certificate=None if keeper is None else keeper.current,
        has_console=settings.console.enabled,
        setup_token=application.books.setup_token,
    )


def _public_url(server: ServerSettings, keeper: "CertificateKeeper | None") -> str:
    """For the callers' SDKs, which check that the certificate is for the host in it."""
    if keeper is None:
        return f"http://{_in_url(server.host)}:{server.port}"
    host, names = _reachable(server.host), keeper.current.names
    if host not in names:
        host = next((name for name in names if not name.startswith("*")), host)
    return f"https://{_in_url(host)}:{server.port}"


async def _watch_loop(application: Application) -> None:
    """Keeps the lag of the event loop on show: whoever blocks the loop is seen there."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + _LAG_EVERY_S
        await asyncio.sleep(_LAG_EVERY_S)
        application.metrics.event_loop_lag.set(max(0.0, loop.time() - due_s))


async def _renew(
    keeper: "CertificateKeeper", listener: "Server", *, home: Home, settings: Settings
) -> None:
    """Renews ours before it expires, and takes up the operator's when the files change."""
    complaint = ""
    while True:
        await asyncio.sleep(settings.tls.check_s)
        before = keeper.current.pem
        try:
            is_new = await asyncio.to_thread(keeper.renew)
        except (TlsError, OSError) as error:
            # What is being served stays. Files may be replaced one after the other.
            if str(error) != complaint:
                complaint = str(error)
                log_event(logging.WARNING, "certificate", problem=complaint)
            continue
        complaint = ""
        if is_new:
            log_event(logging.INFO, "certificate", expires_at=keeper.current.expires_at)
            home.write_server_note(_note(settings.server, keeper, before))
            # New connections get the new one; those that are open go on until they end.
            listener.reload()


async def _until_listening(serving: "asyncio.Task[None]", server: ServerSettings) -> None:
    """Nothing is announced that does not answer. Raises PortInUseError when it never will."""
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(_reachable(server.host), server.port)
        except OSError:
            await asyncio.sleep(0.005)
        else:
            writer.close()
            return
    raise PortInUseError(f"Cannot listen on {server.host}:{server.port}.") from serving.exception()


class _Signals:
    """``first`` is set by the first SIGTERM or SIGINT, ``second`` by the next, and ``hung_up`` by
    each SIGHUP."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()
        self.hung_up = asyncio.Event()
        loop.add_signal_handler(signal.SIGHUP, self.hung_up.set)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._receive)

    def _receive(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


async def _reload(application: Application, signals: _Signals) -> None:
    while True:
        await signals.hung_up.wait()
        signals.hung_up.clear()
        log_event(logging.INFO, "reloading")
        await application.reload()


async def _drain(application: Application, deadline_s: float, signals: _Signals) -> bool:
    draining = asyncio.create_task(application.edge.drain(deadline_s))
    hurrying = asyncio.create_task(signals.second.wait())
    await asyncio.wait((draining, hurrying), return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    if not draining.done():
        draining.cancel()
        return False
    return draining.result()


def _listen(
    application: Application, settings: Settings, keeper: "CertificateKeeper | None"
) -> "Server":
    from granian.constants import HTTPModes, Interfaces, SSLProtocols
    from granian.http import HTTP1Settings, HTTP2Settings
    from granian.server.embed import Server

    return Server(
        application.edge,
        address=settings.server.host,
        port=settings.server.port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.auto,
        websockets=False,
        backlog=_BACKLOG,
        backpressure=_REQUESTS_MAX,
        http1_settings=HTTP1Settings(max_buffer_size=_HEADER_BYTES_MAX),
        http2_settings=HTTP2Settings(max_headers_size=_HEADER_BYTES_MAX),
        ssl_cert=keeper.current.certificate_file if keeper else None,
        ssl_key=keeper.current.key_file if keeper else None,
        # Browsers and SDKs of the last ten years speak 1.3 or, at least, 1.2.
        ssl_protocol_min=SSLProtocols.tls12,
        log_enabled=False,
    )


def _reachable(host: str) -> str:
    """Where a client on this machine finds a server that listens on ``host``."""
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 (compared, not bound)


def _in_url(host: str) -> str:
    reachable = _reachable(host)
    return f"[{reachable}]" if ":" in reachable else reachable
