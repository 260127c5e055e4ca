"""One run of one command: its home, its output, its way to the control plane, its exit code."""

import asyncio
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import typer

from kilonova.accounts.vault import VaultError
from kilonova.admin.plane import ControlPlane
from kilonova.admin.roster import RosterPlane
from kilonova.cli import exits, planes
from kilonova.cli.exits import CommandError, exit_code
from kilonova.cli.output import Output
from kilonova.core.clock import ClockError
from kilonova.core.errors import KilonovaError
from kilonova.home import Home, HomeInUseError, default_home
from kilonova.settings import Settings, SettingsError, load_settings
from kilonova.stores.error import StoreError
from kilonova.tls.error import TlsError

__all__ = ["EXPECTED", "Run"]

Answer = TypeVar("Answer")

# Failures whose message was written for the person at the terminal.
EXPECTED = (
    KilonovaError,
    CommandError,
    SettingsError,
    TlsError,
    HomeInUseError,
    VaultError,
    StoreError,
    ClockError,
    OSError,
)


class Run:
    """Made by ``command`` for each call."""

    def __init__(
        self, *, home: Path | None, is_json: bool, is_debug: bool, is_wide: bool = False
    ) -> None:
        self.home = Home(home or default_home())
        self.output = Output(is_json=is_json, is_wide=is_wide)
        self._is_debug = is_debug

    def settings(self, path: Path | None = None) -> Settings:
        """From ``path``, or ``kilonova.toml`` in the home. Raises SettingsError."""
        in_home = self.home.path / "kilonova.toml"
        return load_settings(path or (in_home if in_home.exists() else None))

    def ask(
        self, question: Callable[[ControlPlane], Awaitable[Answer]], *, may_begin: bool = False
    ) -> Answer:
        """Puts a question to the running server, or to the home itself where none runs.
        ``may_begin``: a home that is not there is made. Raises CommandError where it may not."""
        if not may_begin:
            self._check_home()

        async def put() -> Answer:
            async with planes.open_plane(self.home, self.settings) as plane:
                return await question(plane)

        return asyncio.run(put())

    def ask_roster(self, question: Callable[[RosterPlane], Awaitable[Answer]]) -> Answer:
        """As ``ask``, of the members."""
        self._check_home()

        async def put() -> Answer:
            async with planes.open_roster(self.home, self.settings) as roster:
                return await question(roster)

        return asyncio.run(put())

    def _check_home(self) -> None:
        """A slip in a path must not make an installation of its own, in which nothing is."""
        if not self.home.path.is_dir():
            raise CommandError(
                f"There is no installation in {self.home.path}. Check --home and KILONOVA_HOME; "
                "kilonova serve begins one.",
                code=exits.NOT_FOUND,
            )

    def perform(self, act: Callable[[], None]) -> None:
        """Runs the command; turns every failure into a sentence and an exit code."""
        try:
            act()
        except KeyboardInterrupt:
            raise typer.Exit(exits.INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read the output has left: no message, and none from the interpreter either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(exits.FAILURE) from None
        except EXPECTED as error:
            self._fail(error, *_explain(error))
        except typer.Exit:
            raise
        except Exception as error:  # noqa: BLE001 (the last line of defence against tracebacks)
            message = f"unexpected {type(error).__name__}: {error}. Run with --debug for details."
            self._fail(error, exits.FAILURE, message)

    def _fail(self, error: Exception, code: int, message: str) -> None:
        if self._is_debug:
            self.output.note("".join(traceback.format_exception(error)).rstrip())
        if self.output.is_json:
            self.output.document({"error": {"exit_code": code, "message": message}})
        self.output.failure(message)
        raise typer.Exit(code) from None


def _explain(error: Exception) -> tuple[int, str]:
    match error:
        case KilonovaError():
            return exit_code(error), error.message
        case CommandError():
            return error.code, error.message
        case SettingsError() | TlsError():
            return exits.CONFIG, f"configuration: {error}"
        case StoreError(is_broken=True):
            return exits.INTEGRITY, str(error)
        case OSError(filename=str(), strerror=str()):
            return exits.FAILURE, f"{error.filename}: {error.strerror}."
    return exits.FAILURE, str(error)
