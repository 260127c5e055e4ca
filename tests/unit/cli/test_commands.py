"""What commands write, and how they end."""

import json

import pytest

from kilonova.cli import run as run_module
from kilonova.core.errors import LEAVES, ContextTooLong
from unit.cli.conftest import Terminal


def test_a_key_in_json_has_exactly_four_fields(terminal: Terminal) -> None:
    """Protects scripts: this shape is a contract."""
    both = terminal.json("keys", "create")
    assert list(both) == ["id", "bearer_key", "access_key_id", "secret_access_key"]
    assert all(both.values())
    bearer = terminal.json("keys", "create", "--kind", "bearer")
    assert (bearer["access_key_id"], bearer["secret_access_key"]) == (None, None)
    aws = terminal.json("keys", "create", "--kind", "aws")
    assert aws["bearer_key"] is None


def test_a_key_takes_its_limits_along(terminal: Terminal) -> None:
    """Protects budgets from being lost on the way to the store."""
    key = terminal.json("keys", "create", "--rpm", "5", "--tpm", "900", "--budget", "0.25")
    limits = terminal.json("limits", "show", key["id"])["limits"]
    assert limits == {
        "requests_per_minute": 5, "tokens_per_minute": 900, "budget": "0.250000000",
        "budget_day": None, "budget_month": None, "soft": [],
    }  # fmt: skip


def test_limits_are_set_and_taken_away(terminal: Terminal) -> None:
    """Protects ``limits set``: none means no limit, silence means no change."""
    key = terminal.json("keys", "create", "--rpm", "5", "--budget", "1")
    level = terminal.json("limits", "set", key["id"], "--rpm", "none", "--tpm", "7")
    assert level["limits"] == {
        "requests_per_minute": None, "tokens_per_minute": 7, "budget": "1.000000000",
        "budget_day": None, "budget_month": None, "soft": [],
    }  # fmt: skip


def test_budgets_of_days_and_months_are_set_and_shown(terminal: Terminal) -> None:
    """Protects ``limits set``: each window by its own option, and soft ones by name."""
    key = terminal.json("keys", "create", "--budget-day", "2", "--soft", "day")
    shown = terminal.json("limits", "set", key["id"], "--budget-month", "30.5", "--soft", "none")
    assert shown["limits"]["budget_day"] == "2.000000000"
    assert shown["limits"]["budget_month"] == "30.500000000"
    assert shown["limits"]["soft"] == []
    windows = {one["window"]: one for one in shown["budgets"]}
    assert windows["total"]["amount"] is windows["total"]["resets_at"] is None
    assert windows["month"]["left"] == "30.500000000"
    shown = terminal.json("limits", "set", key["id"], "--budget-day", "none", "--soft", "month")
    assert shown["limits"]["budget_day"] is None
    assert shown["limits"]["soft"] == ["month"]
    assert terminal.run("limits", "show", key["id"]) == 0
    assert "budget a month 30.500000000 (soft)" in terminal.stdout


@pytest.mark.parametrize(
    ("amount", "word"),
    [
        ("-1", "below zero"),
        ("NaN", "no decimal amount"),
        ("1e3", "no decimal amount"),
        ("0.0000000001", "finer"),
        ("1000000000", "more than"),
        ("inf", "no decimal amount"),
    ],
)
def test_amounts_that_cannot_be_are_refused_by_name(
    terminal: Terminal, amount: str, word: str
) -> None:
    """Protects budgets from what was meant differently: the option and the reason are told."""
    key = terminal.json("keys", "create")
    assert terminal.run("limits", "set", key["id"], f"--budget-day={amount}") == 2
    assert "budget_day" in terminal.stderr
    assert word in terminal.stderr
    assert terminal.json("limits", "show", key["id"])["limits"]["budget_day"] is None


def test_revoked_keys_are_shown_as_such(terminal: Terminal) -> None:
    """Protects the operator who wants to see that a leaked key is dead."""
    key = terminal.json("keys", "create", "--name", "leaked")
    assert terminal.json("keys", "revoke", key["id"])["revoked_at"]
    assert terminal.run("keys", "list") == 0
    row = next(line for line in terminal.stdout.splitlines() if "leaked" in line)
    assert "revoked 2026-11-23" in row


def test_lists_show_everything(terminal: Terminal) -> None:
    """Protects customers and projects from being out of sight."""
    terminal.run("organisations", "create", "acme")
    terminal.run("projects", "create", "lab", "--organisation", "acme")
    names = [each["name"] for each in terminal.json("organisations", "list")["data"]]
    assert sorted(names) == ["acme", "default"]
    projects = terminal.json("projects", "list", "--organisation", "acme")["data"]
    assert sorted(each["name"] for each in projects) == ["default", "lab"]
    for command in (("organisations", "list"), ("projects", "list"), ("models", "list")):
        assert terminal.run(*command) == 0
        assert terminal.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("keys", "revoke", "key_nobody"), 4),
        (("keys", "create", "--organisation", "nobody"), 4),
        (("keys", "create", "--kind", "gold"), 2),
        (("keys", "create", "--rpm", "0"), 2),
        (("keys", "create", "--budget", "1e9"), 2),
        (("limits", "set", "key_x"), 2),
        (("limits", "set", "key_x", "--rpm", "many"), 2),
        (("limits", "set", "key_x", "--soft", "week"), 2),
        (("usage", "--by", "moon"), 2),
        (("usage", "--from", "yesterday"), 2),
        (("nonsense",), 2),
        (("config", "show", "--config", "/nowhere.toml"), 3),
    ],
)
def test_exit_codes(terminal: Terminal, arguments: tuple[str, ...], code: int) -> None:
    """Protects scripts: the exit code says what kind of failure it was."""
    assert terminal.run(*arguments) == code
    assert terminal.stdout == ""
    assert terminal.stderr
    assert "Traceback" not in terminal.stderr


def test_a_failure_in_json_is_one_document(terminal: Terminal) -> None:
    """Protects scripts that parse whatever comes."""
    document = terminal.json("keys", "revoke", "key_nobody", code=4)
    assert document["error"]["exit_code"] == 4
    assert "key_nobody" in document["error"]["message"]


def test_a_broken_configuration_is_named(terminal: Terminal) -> None:
    """Protects whoever mistyped a setting: exit code 3, and the key's name."""
    (terminal.home / "kilonova.toml").write_text("[server]\nprot = 1\n")
    assert terminal.run("keys", "list") == 3
    assert "server.prot" in terminal.stderr
    assert "did you mean server.port" in terminal.stderr


def test_the_unexpected_shows_its_traceback_on_request_only(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects people from tracebacks, and engineers from their absence."""

    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(run_module.Run, "ask", fail)
    assert terminal.run("keys", "list") == 1
    assert "Traceback" not in terminal.stderr
    assert "--debug" in terminal.stderr
    assert terminal.run("keys", "list", "--debug") == 1
    assert "Traceback" in terminal.stderr


def test_ctrl_c_is_clean(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the terminal: 130, and not a word."""

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module.Run, "ask", interrupt)
    assert terminal.run("keys", "list") == 130
    assert (terminal.stdout, terminal.stderr) == ("", "")


async def _book(terminal: Terminal, key_id: str) -> None:
    await terminal.office.book(key_id, request_id="req_1", tokens=1000)


async def test_usage_shows_the_ledger(terminal: Terminal) -> None:
    """Protects the figures on their way to the screen."""
    key = next(iter(terminal.office.store.accounts._keys))
    await _book(terminal, key)
    import asyncio

    report = await asyncio.to_thread(terminal.json, "usage", "--by", "key")
    (total,) = report["totals"]
    assert (total["requests"], total["input_tokens"], total["price"]) == (1, 1000, "0.001001000")
    assert await asyncio.to_thread(terminal.run, "usage", "--by", "day") == 0
    assert "2026-11-23" in terminal.stdout
    assert "0.001001000 USD" in terminal.stdout


def test_a_broken_ledger_is_exit_code_8(terminal: Terminal) -> None:
    """Protects scheduled checks of the books."""
    sound = terminal.json("ledger", "verify")
    assert (sound["is_sound"], sound["problems"]) == (True, [])
    terminal.office.store.ledger._balances["revenue:USD:x"] += 1
    broken = terminal.json("ledger", "verify", code=8)
    assert broken["is_sound"] is False
    assert broken["problems"]
    assert terminal.run("ledger", "verify") == 8
    assert "FAIL" in terminal.stdout


def test_settings_that_serve_refuses_are_not_shown_as_right(terminal: Terminal) -> None:
    """Protects whoever checks a configuration before a restart: exit code 3, and the same words."""
    (terminal.home / "kilonova.toml").write_text('[models.mine]\nengine = "nowhere"\n')
    assert terminal.run("config", "show") == 3
    assert 'models."mine".engine: there is no engine' in terminal.stderr


@pytest.mark.parametrize(
    ("written", "word"),
    [
        (
            '[oidc]\nissuer = "https://id.example"\nclient_id = "us"\n'
            '[[oidc.admit]]\nrole = "developer"\n',
            "oidc.admit: entry 1 would let everybody in",
        ),
        ('[alerts]\nwebhook = "http://far.example"\n', "alerts.webhook: write an https://"),
    ],
)
def test_services_that_serve_refuses_are_refused_when_shown(
    terminal: Terminal, written: str, word: str
) -> None:
    """Protects whoever checks a configuration before a restart: the issuer and the webhook, too."""
    (terminal.home / "kilonova.toml").write_text(written)
    assert terminal.run("config", "show") == 3
    assert word in terminal.stderr


def test_settings_are_shown_without_secrets(terminal: Terminal) -> None:
    """Protects a key that somebody wrote into the file in spite of the manual."""
    (terminal.home / "kilonova.toml").write_text(
        '[engines.far]\nkind = "upstream"\napi_key = "sk-very-secret"\n'
        '[engines.near]\nkind = "upstream"\napi_key = "env:NEAR_KEY"\n'
    )
    tree = terminal.json("config", "show")
    assert tree["engines"]["far"]["api_key"] == "(hidden)"
    assert tree["engines"]["near"]["api_key"] == "env:NEAR_KEY"
    assert tree["server"]["port"] == 8040
    assert terminal.run("config", "show") == 0
    assert "server.port = 8040" in terminal.stdout
    assert "sk-very-secret" not in terminal.stdout


def test_every_failure_of_the_platform_has_an_exit_code() -> None:
    """Protects the table: no failure ends with 0, and quota, auth and not-found are told apart."""
    from kilonova.cli.exits import exit_code

    codes = {leaf.code: exit_code(leaf("x")) for leaf in LEAVES if leaf is not ContextTooLong}
    assert all(codes.values())
    assert (codes["not_found"], codes["unauthenticated"], codes["forbidden"]) == (4, 5, 5)
    assert (codes["rate_limited"], codes["budget_exceeded"], codes["internal"]) == (7, 7, 1)


def test_json_is_readable_alone(terminal: Terminal) -> None:
    """Protects pipes: standard output is the document and nothing else."""
    terminal.run("version", "--json")
    assert json.loads(terminal.stdout)["version"]
    assert terminal.stderr == ""


def test_a_table_that_is_empty_says_what_was_sought(terminal: Terminal) -> None:
    """Protects who mistypes an id: nothing used and nothing known look alike otherwise."""
    assert terminal.run("usage", "--model", "kilonova.sprak-v1:0") == 0
    assert "Nothing was used of model 'kilonova.sprak-v1:0'" in terminal.stderr
    assert terminal.run("audit", "--action", "key.revokd") == 0
    assert "No entry of action 'key.revokd'" in terminal.stderr
    assert terminal.json("usage", "--model", "kilonova.sprak-v1:0")["data"] == []
