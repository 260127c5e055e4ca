"""A few items asked of a real server with the shipped Spark, through the official SDK."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kilonova.catalog.catalog import PACKAGED_WEIGHTS
from structure import evaluate as evaluation
from structure.card import make_card, spark_card
from structure.evaluate import Evaluation, Plan, read_bars
from structure.figures import Asked, results_of
from structure.items import Item
from structure.recipe import read_recipe
from structure.served import Asker, Mode, ServerFailed, request_body, serve_through_api

_MODEL = "kilonova.spark-v1:0"
_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_TOOL = {"name": "get_weather", "description": "Get the weather.", "parameters": _SCHEMA}


def _item(**fields: object) -> Item:
    said = {"role": "user", "content": "Tell me the weather in Wellington please"}
    return msgspec.convert({"id": "a", "messages": [said]} | fields, Item)


_CALL = _item(tools=[_TOOL], calls=[{"name": "get_weather", "arguments": {"city": "Wellington"}}])
_ORDER = _item(
    messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
    tools=[_TOOL],
    calls=[],
)
_FIELDS = _item(
    messages=[{"role": "user", "content": "Extract the name as JSON: Ann is 41."}],
    json={"name": "Ann"},
)


@pytest.fixture(scope="module")
def asker() -> Iterator[Asker]:
    with serve_through_api(PACKAGED_WEIGHTS / "spark-v1.gguf", model=_MODEL) as running:
        yield running


def test_three_items_through_the_api(asker: Asker) -> None:
    """Protects the chain from items to figures: real server, both modes, nothing refused."""
    items = [_CALL, _ORDER, _FIELDS]
    replies = asker.ask_all(_MODEL, items, [Mode.SERVED, Mode.RAW], label="test")
    for mode in Mode:
        assert [reply.error for reply in replies[mode]] == ["", "", ""]
        assert all(reply.output_tokens for reply in replies[mode])
    found = results_of(Asked([_CALL], replies[Mode.SERVED][:1], replies[Mode.RAW][:1]))
    assert found.figures["json_valid"].value == 100.0
    assert found.figures["exact"].counts is not None
    assert found.figures["exact"].counts.of == 1


def test_a_refusal_is_counted_and_not_raised(asker: Asker) -> None:
    """Protects a long evaluation from one request that the server refuses."""
    reply = asker.ask("no.such-model", request_body(_CALL, Mode.SERVED))
    assert reply.error.startswith("404")
    assert results_of(Asked([_CALL], [reply])).figures["exact"].value == 0.0


def test_streams_are_timed(asker: Asker) -> None:
    """Protects the speed figure: the server counts tokens, the first piece comes early."""
    tokens, first_s, whole_s = asker.stream_times(_MODEL, request_body(_FIELDS, Mode.RAW))
    assert tokens > 1
    assert 0 < first_s <= whole_s


def test_raw_requests_hide_no_grammar() -> None:
    """Protects the word "raw": tools stand in the system text, the caller's own words first."""
    body = request_body(_ORDER, Mode.RAW)
    assert set(body) == {"messages"}
    system, user = body["messages"]
    assert system["role"] == "system"
    assert system["content"].startswith("Be brief.")
    assert "get_weather" in system["content"]
    assert "<|im_" not in system["content"]
    assert user == {"role": "user", "content": "Hello"}
    assert request_body(_FIELDS, Mode.SERVED)["response_format"] == {"type": "json_object"}


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """Protects whoever mistypes a file: the error holds the end of the server's log."""
    config = tmp_path / "other.toml"
    config.write_text("[server]\nprot = 1\n", encoding="utf-8")
    weights = PACKAGED_WEIGHTS / "spark-v1.gguf"
    with (
        pytest.raises(ServerFailed, match="prot"),
        serve_through_api(weights, model=_MODEL, config=config),
    ):
        pass


def test_the_whole_evaluation_makes_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the last two steps of the recipe: from a model file to its page, with few items."""
    sets = {"ht1": [_CALL], "nt1": [_ORDER], "ex1": [_FIELDS]}
    for name, value in {"_SAME_TEXT_TIMES": 3, "_LOADS": 1, "_SAMPLES": (("Hello", True),)}.items():
        monkeypatch.setattr(evaluation, name, value)
    monkeypatch.setattr(evaluation, "frozen", lambda: sets)
    weights = PACKAGED_WEIGHTS / "spark-v1.gguf"
    plan = Plan(
        file=weights,
        model=_MODEL,
        data=tmp_path,
        full_precision=weights,
        others=("kilonova.echo-v1:0",),
    )
    found = evaluation.evaluate(plan)
    assert found.serving["same_text"].value == 100.0
    assert found.serving["quantisation_loss"].value == 0.0
    assert found.sets["ht1"].figures["exact"].baselines["kilonova.echo-v1:0"] == 0.0
    assert any("Whole call exact" in line for line in evaluation.summary(found))
    (tmp_path / "evaluation.json").write_bytes(msgspec.json.encode(found))
    facts = {"minutes": 60, "tokens": 10**6, "processes": 2, "steps": 9, "parameters": 5 * 10**6}
    names = ("templates_compared", "templates_equal", "tokens_equal", "prompts_compared")
    parity = dict.fromkeys((*names, "gap_nats_max_numpy", "gap_nats_max_torch"), 1)
    (tmp_path / "training.json").write_text(json.dumps(facts))
    (tmp_path / "parity.json").write_text(json.dumps(parity))
    known = {"answer_loss": 1, "tokens_per_s": 9}
    reports = [known | {"minutes": number, "tokens": 10 * number} for number in (1, 2, 2)]
    (tmp_path / "history.jsonl").write_text("\n".join(map(json.dumps, reports)))
    notices = tmp_path / "NOTICES.txt"
    notices.write_text("Of somebody.", encoding="utf-8")
    make_card(read_recipe(), tmp_path, shipped=tmp_path / "spark-v1.gguf", notices=notices)
    text = (tmp_path / "spark-v1.md").read_text(encoding="utf-8")
    assert "2.00 hours of CPU core" in text
    assert "Of somebody." in text
    assert {path.name for path in tmp_path.glob("*.svg")} == {
        "spark-v1-tools.svg",
        "spark-v1-loss.svg",
        "spark-v1-speed.svg",
    }


def test_what_is_missing_is_said_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects an hour of waiting: a missing file or an unknown model stops at once."""
    monkeypatch.setattr(evaluation, "frozen", lambda: {"ht1": [_CALL]})
    plan = Plan(file=tmp_path / "no.gguf", model=_MODEL, data=tmp_path)
    with pytest.raises(FileNotFoundError, match="run `export` first"):
        evaluation.evaluate(plan)
    weights = PACKAGED_WEIGHTS / "spark-v1.gguf"
    plan = Plan(file=weights, model=_MODEL, data=tmp_path, others=("no.such",))
    with pytest.raises(ServerFailed, match=r"no\.such does not answer: 404"):
        evaluation.evaluate(plan)


def test_a_quick_look_is_no_card(tmp_path: Path) -> None:
    """Protects the card from figures of a look during training."""
    look = Evaluation(
        model=_MODEL,
        file_sha256="",
        file_bytes=0,
        is_quick=True,
        seconds=0,
        sets={},
        serving={},
        samples=(),
    )
    (tmp_path / "evaluation.json").write_bytes(msgspec.json.encode(look))
    with pytest.raises(ValueError, match="quick look"):
        spark_card(read_recipe(), tmp_path, notices="")


def test_every_bar_belongs_to_a_figure() -> None:
    """Protects the bars: each names a set and a figure that an evaluation has."""
    figures = {
        "ht1": {"right_tool", "exact", "json_valid", "json_valid_raw", "false_abstain"},
        "ht2": {"exact"},
        "nt1": {"right"},
        "ex1": {"exact", "field_f1", "json_valid", "json_valid_raw"},
        "norm1": {"right"},
        "serving": {"same_text", "quantisation_loss", "tokens_per_s", "load_s"},
    }
    wanted = {f"{name}.{figure}" for name, known in figures.items() for figure in known}
    assert set(read_bars(_MODEL)) == set(read_bars("kilonova.micro-v1:0")) == wanted
    assert read_bars("no.such-model") == {}
