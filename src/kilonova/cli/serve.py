"""``kilonova serve``: starts the server and tells a person how to reach it."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct
from msgspec.structs import replace

from kilonova.cli.banner import banner
from kilonova.cli.command import command, verb
from kilonova.cli.exits import FAILURE, CommandError
from kilonova.cli.run import Run
from kilonova.server import Announcement, PortInUseError
from kilonova.server import serve as run_server
from kilonova.settings import Settings
from kilonova.telemetry import log

__all__ = ["app"]

app = verb()


class ServeOptions(Struct, frozen=True, kw_only=True):
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")
    ] = None
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port.", show_default="8040")
    ] = None
    tls: Annotated[
        bool | None,
        typer.Option("--tls/--no-tls", help="Serve HTTPS.", show_default="no-tls"),
    ] = None
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also serve this GGUF file.")
    ] = None
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Settings (TOML).", show_default="kilonova.toml in the home"
        ),
    ] = None
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Announce nothing, and make no first key.")
    ] = False


@command(app, has_json=False)
def serve(run: Run, options: ServeOptions) -> None:
    """Start the server; on the first start, show how each SDK reaches it."""
    settings = _override(run.settings(options.config), options)
    log.configure()

    def announce(announcement: Announcement) -> None:
        run.output.note(banner(announcement))

    try:
        code = run_server(
            run.home,
            settings,
            model_file=options.model,
            announce=None if options.quiet else announce,
        )
    except PortInUseError as error:
        raise CommandError(str(error)) from None
    if code:
        raise typer.Exit(FAILURE)


def _override(settings: Settings, options: ServeOptions) -> Settings:
    """Flags win over the file and the environment."""
    server = settings.server
    if options.host is not None:
        server = replace(server, host=options.host)
    if options.port is not None:
        server = replace(server, port=options.port)
    tls = settings.tls
    if options.tls is not None:
        tls = replace(tls, enabled=options.tls)
    return replace(settings, server=server, tls=tls)
