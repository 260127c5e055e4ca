"""``kilonova plan``: from flags or a file to text, JSON and CSV."""

import asyncio
import csv
import io
import json
import re
import shlex
from pathlib import Path

import pytest

import kilonova
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
        (ASK, "output-tokens"),
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
    assert len(commands) == 6
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
    """Protects who opens it offline, or mails it: all pictures, and nothing from elsewhere."""
    page = tmp_path / "plan.html"
    ahead = ("--quarters", "4", "--growth", "1.3", "--sell-at", "gpt-5")
    assert terminal.run(*WHOLE, *ahead, "--html", str(page)) == 0
    text = page.read_text()
    assert text.count("<svg") == 7
    for words in ("Cost of a million tokens", "What moves the price", "revenue by quarter"):
        assert words in text
    # Its figures with their ranges, what others charge, and where all of it comes from.
    for words in ("MACHINES", "A million tokens", "Own is cheaper from", "Sources", "data sheets"):
        assert words in text
    assert "prefers-color-scheme:dark" in text
    assert "@media print" in text
    assert "src=" not in text
    assert set(re.findall(r"https?://[^\s\"<]+", text)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((), "--rate, --input-tokens, --output-tokens is missing"),
        (("--rate", "5", "--input-tokens", "9"), "--output-tokens is missing"),
        (("--here", "--from-usage"), "two questions"),
        (("--here", "--csv"), "as text or with --json"),
        (("--usage-of", "spark"), "add --from-usage"),
    ],
)
def test_questions_that_say_too_little_or_too_much(
    terminal: Terminal, asked: tuple[str, ...], said: str
) -> None:
    """Protects who begins with --model alone: the message says the words that are missing."""
    assert terminal.run("plan", "--model", "llama-3.1-8b", *asked) == 2
    assert said in terminal.stderr


def test_percentiles_and_a_burst_are_shown(terminal: Terminal) -> None:
    """Protects latency targets: the busiest hour is played, with the burst beside it."""
    assert terminal.run(*WHOLE, "--burst", "4", "--burst-s", "30", "--arrivals", "500") == 0
    for words in ("played with 500 requests", "P95", "with 4 times as many for 30 s", "late for"):
        assert words in terminal.stdout
    made = terminal.json(*WHOLE, "--arrivals", "500", "--burst", "4")
    assert made["tail"]["requests"] == made["burst"]["requests"] == 500
    assert made["tail"]["first_token_ms"]["p50"] <= made["burst"]["first_token_ms"]["p99"]
    assert terminal.json(*WHOLE, "--arrivals", "0")["tail"] is None


def test_quarters_are_text_and_csv(terminal: Terminal) -> None:
    """Protects capital plans: a line a quarter, with depreciation over both lives."""
    ahead = (
        *(*WHOLE, "--arrivals", "0", "--kind", "bought", "--accelerators", "h100"),
        *("--quarters", "5", "--growth", "3", "--sell-at", "gpt-5-mini", "--rate", "200"),
    )
    assert terminal.run(*ahead) == 0
    assert "DEPRECIATION" in terminal.stdout
    assert terminal.run(*ahead, "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(terminal.stdout)))
    assert [row["number"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert float(rows[4]["chips"]) > float(rows[0]["chips"])
    for row in rows:
        figures = {name: float(value) for name, value in row.items()}
        assert figures["depreciation_usd"] > figures["depreciation_longer_usd"]
        income = figures["revenue_usd"] - figures["upkeep_usd"] - figures["depreciation_usd"]
        assert abs(figures["operating_income_usd"] - income) < 1e-6


def test_models_on_offer_and_their_files_are_planned(terminal: Terminal, tmp_path: Path) -> None:
    """Protects models that no table knows: by the name they are sold under, and by a GGUF file."""
    machine = ("--accelerators", "h100", "--rate", "9", "--input-tokens", "500", "--arrivals", "0")
    rest = (*machine, "--output-tokens", "100")
    packaged = terminal.json("plan", "--model", "spark", *rest)
    assert packaged["model"] == "kilonova.spark-v1:0"
    weights = Path(kilonova.__file__).parent / "catalog" / "weights" / "spark-v1.gguf"
    named = terminal.json("plan", "--model", str(weights), *rest)
    assert named["options"] == packaged["options"]
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(40))
    assert terminal.run("plan", "--model", str(broken), *rest) == 2
    assert "not a usable GGUF file" in terminal.stderr


async def test_a_plan_for_what_was_metered(terminal: Terminal) -> None:
    """Protects --from-usage: rate, lengths and model are those of the records, flags go before."""
    office = terminal.office
    key = next(iter(office.store.accounts._keys))
    for at in range(4):
        await office.book(key, request_id=f"req_{at}", tokens=900 + at * 100)
    office.clock.now += 3600
    ask = ("plan", "--from-usage", "--model", "llama-3.1-8b", "--accelerators", "h100")
    made = await asyncio.to_thread(terminal.json, *ask, "--arrivals", "0", "--cache-share", "0.5")
    work = made["workload"]
    assert (work["input_tokens"], work["output_tokens"], work["cache_share"]) == (1050, 1, 0.5)
    assert work["rate"] == pytest.approx(4 / 3600, rel=0.01)
    nobody = await asyncio.to_thread(terminal.run, *ask, "--usage-of", "another")
    assert nobody == 2
    assert "no traffic" in terminal.stderr


def test_this_machine_is_planned_as_it_was_measured(terminal: Terminal) -> None:
    """Protects --here: by the model's name, from calibration.json, and not without it."""
    ask = ("plan", "--here", "--model", "spark", "--rate", "2", "--input-tokens", "200")
    ask = (*ask, "--output-tokens", "40", "--usd-hour", "0.01")
    assert terminal.run(*ask) == 2
    assert "kilonova calibrate" in terminal.stderr
    fit = {"samples": 5, "r2": 0.99, "residual_ns": 1.0}
    measured = {
        "engine": "spark", "engine_model": "kilonova.spark-v1:0", "prefill_ns": 1e5,
        "decode_ns": 2e6, "context_ns": 100.0, "start_ns": 1e6, "parallel": 0.5,
        "step_tokens": 512, "prefill_fit": fit, "decode_fit": fit,
    }  # fmt: skip
    made = {
        "format": 1, "made_at": "2026-11-23T10:00:00+00:00", "versions": {},
        "machine": "a laptop", "processors": 2, "models": {"kilonova.spark-v1:0": measured},
    }  # fmt: skip
    (terminal.home / "calibration.json").write_text(json.dumps(made))
    assert terminal.run(*ask) == 0
    assert "kilonova.spark-v1:0 on a laptop" in terminal.stdout
    answer = terminal.json(*ask)
    assert answer["machine"]["read_s"] == pytest.approx(1e-4)
    assert answer["machine"]["slots"] == 4
    assert 0 < answer["utilisation"] < 1
