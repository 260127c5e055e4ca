"""``kilonova plan``: from flags or a file to text, JSON and CSV."""

import csv
import io
import json
import re
import shlex
from pathlib import Path

from unit.cli.conftest import Terminal

ASK = ("plan", "--model", "llama-3.1-8b", "--rate", "5", "--input-tokens", "800")
WHOLE = (*ASK, "--output-tokens", "200")


def test_flags_give_a_page(terminal: Terminal) -> None:
    """Protects people: machines, cost, others' prices and sources are on one page."""
    assert terminal.run(*WHOLE) == 0
    for words in ("MACHINES", "$/DAY", "$/M tokens", "PRICE LIST", "Sources:", "amazon-nova-pro"):
        assert words in terminal.stdout


def test_a_file_and_flags_over_it(terminal: Terminal, tmp_path: Path) -> None:
    """Protects plans that are kept: what the file says holds unless a flag says otherwise."""
    file = tmp_path / "plan.toml"
    file.write_text(
        'model = "llama-3.1-8b"\nprice_lists = ["gpt-5-mini"]\n'
        "[workload]\nrate = 5\ninput_tokens = 800\noutput_tokens = 200\n"
        '[supply]\nkind = "owned"\naccelerators = ["h100", "h200"]\n'
    )
    made = terminal.json("plan", "--file", str(file), "--rate", "7", "--accelerators", "h200")
    assert made["workload"]["rate"] == 7
    assert {option["accelerator"] for option in made["options"]} == {"h200"}
    assert made["supply"]["kind"] == "owned"
    assert [row["price_list"] for row in made["options"][0]["margins"]] == ["gpt-5-mini"]


def test_csv_has_a_line_for_each_way(terminal: Terminal) -> None:
    """Protects spreadsheets."""
    assert terminal.run(*WHOLE, "--csv", "--top", "2") == 0
    rows = list(csv.DictReader(io.StringIO(terminal.stdout)))
    assert len(rows) == 2
    assert float(rows[0]["usd_a_day"]) <= float(rows[1]["usd_a_day"])


def test_an_own_model_is_planned_from_its_config(terminal: Terminal, tmp_path: Path) -> None:
    """Protects models that no table knows."""
    config = tmp_path / "own" / "config.json"
    config.parent.mkdir()
    config.write_text(
        json.dumps(
            {
                "num_hidden_layers": 16, "hidden_size": 2048, "num_attention_heads": 32,
                "num_key_value_heads": 8, "intermediate_size": 8192, "vocab_size": 128256,
            }
        )
    )  # fmt: skip
    made = terminal.json("plan", "--model", str(config), *WHOLE[3:])
    assert made["model"] == "own"


def test_what_is_missing_or_wrong_is_named(terminal: Terminal, tmp_path: Path) -> None:
    """Protects people from tracebacks: exit code 2 and a sentence."""
    broken = tmp_path / "broken.toml"
    broken.write_text("rate = = 5")
    unknown = tmp_path / "unknown.toml"
    unknown.write_text("[workload]\nrate = 5\ninput_tokens = 1\noutput_tokens = 1\nspeed = 3\n")
    wrong = tmp_path / "config.json"
    wrong.write_text("[1]")
    for command, words in (
        (ASK, "output_tokens"),
        (("plan", *WHOLE[3:]), "--model"),
        ((*WHOLE, "--hours", "a,b"), "24 numbers"),
        ((*WHOLE, "--as-of", "soon"), "2026-05-20"),
        ((*WHOLE, "--accelerators", "h1000"), "h100"),
        ((*WHOLE, "--rate", "0"), "above 0"),
        (("plan", "--file", str(broken)), "broken.toml"),
        (("plan", "--file", str(unknown)), "speed"),
        (("plan", "--model", str(wrong), *WHOLE[3:]), "config.json"),
    ):
        assert terminal.run(*command) == 2
        assert words in terminal.stderr
        assert "Traceback" not in terminal.stderr


def test_commands_on_the_page_run(terminal: Terminal) -> None:
    """Protects readers of docs/how-to/plan-capacity.md: what it tells them to type works."""
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "plan-capacity.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    commands = [shlex.split(block.replace("\\\n", " ")) for block in blocks]
    assert len(commands) == 4
    for command in commands:
        assert command[0] == "kilonova"
        assert terminal.run(*command[1:]) == 0, terminal.stderr


def test_the_file_on_the_page_is_valid(terminal: Terminal, tmp_path: Path) -> None:
    """Protects who copies it."""
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "plan-capacity.md").read_text()
    (block,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    file = tmp_path / "plan.toml"
    file.write_text(block)
    made = terminal.json("plan", "--file", str(file))
    assert made["options"][0]["precision"] == "fp8"


def test_the_page_with_pictures_stands_alone(terminal: Terminal, tmp_path: Path) -> None:
    """Protects who opens it offline, or mails it: three pictures, and nothing from elsewhere."""
    page = tmp_path / "plan.html"
    assert terminal.run(*WHOLE, "--html", str(page)) == 0
    text = page.read_text()
    assert text.count("<svg") == 3
    assert "MACHINES" in text
    assert "src=" not in text
    assert set(re.findall(r"https?://[^\s\"<]+", text)) == {"http://www.w3.org/2000/svg"}
