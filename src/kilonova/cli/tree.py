"""The tree of commands, loaded branch by branch: ``--help`` imports none of them."""

from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command as build

__all__ = ["COMMANDS", "Tree"]


class _Branch(NamedTuple):
    """``app`` in ``module`` is a group of commands, or one command."""

    module: str
    summary: str


COMMANDS: dict[str, _Branch] = {
    "serve": _Branch("serve", "Start the server."),
    "chat": _Branch("chat", "Talk to a model in the terminal."),
    "keys": _Branch("keys", "Make, list and revoke the keys that programs sign with."),
    "organisations": _Branch("organisations", "Make and list organisations."),
    "projects": _Branch("projects", "Make and list projects inside organisations."),
    "members": _Branch("members", "List, invite, change and remove members."),
    "limits": _Branch("limits", "Show and set limits on use and money."),
    "models": _Branch("models", "List the models on offer."),
    "prices": _Branch("prices", "Show, import and compare prices."),
    "usage": _Branch("usage", "Show requests, tokens and money."),
    "pnl": _Branch("pnl", "Show profit and loss."),
    "plan": _Branch("plan", "Plan machines, power and cost for a workload."),
    "resources": _Branch("resources", "Show what answers run on, and what it costs."),
    "calibrate": _Branch("calibrate", "Measure what a token takes on this machine."),
    "ledger": _Branch("ledger", "Prove that the books are right, correct them, close months."),
    "audit": _Branch("audit", "Show who did what, and prove that the log is whole."),
    "invoice": _Branch("invoice", "Show the invoice of an organisation and month."),
    "export": _Branch("export", "Write charges and requests for other programs."),
    "config": _Branch("config", "Show the settings in force."),
    "doctor": _Branch("doctor.command", "Check this machine and this installation."),
    "version": _Branch("version", "Show the version."),
}


class Tree(TyperGroup):
    """The root: knows every branch by name and loads the one that is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (the base class asks for it)
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 (as above)
        branch = COMMANDS.get(cmd_name)
        if branch is None:
            return None
        owner: typer.Typer = import_module(f"kilonova.cli.{branch.module}").app
        built = build(owner)
        built.name = cmd_name
        return built

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 (as above)
        with formatter.section("Commands"):
            formatter.write_dl([(name, branch.summary) for name, branch in COMMANDS.items()])
