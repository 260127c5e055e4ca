"""The tree of commands: complete, documented, alike."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from kilonova.cli.main import app
from kilonova.cli.tree import COMMANDS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"
WITHOUT_JSON = {"serve", "chat"}


def _leaves() -> Iterator[tuple[str, Any]]:
    root: Any = get_command(app)
    for name in root.list_commands(None):
        branch = root.get_command(None, name)
        if not hasattr(branch, "commands"):
            yield name, branch
            continue
        for verb, leaf in branch.commands.items():
            yield f"{name} {verb}", leaf


LEAVES = dict(_leaves())


def test_the_contract_is_complete() -> None:
    """Protects scripts: these commands exist."""
    assert set(LEAVES) == {
        "serve", "chat", "doctor", "version", "usage", "config show", "ledger verify", "plan",
        "pnl", "audit", "ledger refund", "ledger credit", "ledger allowance", "ledger adjust",
        "ledger close", "ledger adjustments", "ledger closings", "invoice", "export focus",
        "export requests", "export usage",
        "prices show", "prices reload", "prices import", "prices diff",
        "resources list", "calibrate",
        "members list", "members invite", "members role", "members remove", "members sign-out",
        "models list", "keys create", "keys list", "keys revoke", "organisations create",
        "organisations list", "projects create", "projects list", "limits alerts", "limits set",
        "limits show",
    }  # fmt: skip


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_can_speak_json(name: str) -> None:
    """Protects scripts: --json, --home and --debug everywhere, but no --json on the two streams."""
    options = {option for parameter in LEAVES[name].params for option in parameter.opts}
    assert {"--home", "--debug"} <= options
    assert ("--json" in options) is (name not in WITHOUT_JSON)


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_and_option_is_explained(name: str) -> None:
    """Protects people: --help says what a command and each of its options is for."""
    leaf = LEAVES[name]
    assert leaf.help
    silent = [each.name for each in leaf.params if not each.help and each.name != "help"]
    assert silent == []


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_and_option_is_documented(name: str) -> None:
    """Protects readers of docs/reference/cli.md: a section for each, with all of its options."""
    sections = re.split(r"^### ", PAGE.read_text(), flags=re.MULTILINE)
    section = next((each for each in sections if each.startswith(f"`kilonova {name}")), None)
    assert section is not None, f"docs/reference/cli.md has no section '### `kilonova {name} …`'"
    shared = {"--home", "--debug", "--json", "--wide", "--help", "-h"}
    options = {
        option for each in LEAVES[name].params for option in each.opts if option.startswith("-")
    }
    assert [option for option in sorted(options - shared) if f"`{option}" not in section] == []


def test_summaries_and_groups_agree() -> None:
    """Protects ``kilonova --help``, which knows the branches without loading them."""
    assert [name.split()[0] for name in LEAVES if name in COMMANDS or " " in name]
    assert {name.split()[0] for name in LEAVES} == set(COMMANDS)


def test_help_loads_next_to_nothing() -> None:
    """Protects the speed of ``kilonova --help`` (150 ms): no store, no server, no SDK."""
    code = (
        "import sys; from kilonova.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print(' '.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "Start the server." in done.stdout
    heavy = {"asyncio", "rich", "botocore", "sqlalchemy", "granian", "kilonova.app"}
    assert heavy.isdisjoint(done.stderr.split())
