"""Reading the measured table, and the fit, on rows made here: the table is not ours to keep."""

import csv
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from benchmarks.planner_days import deepseek_day
from benchmarks.planner_fit import BEFORE, fit, held_out, predict
from benchmarks.planner_picture import scatter
from benchmarks.planner_rows import Rows, families, read_rows

from planner_samples import TABLES

_HEAD = [
    *("silicon_data_source", "backend", "model_path", "system", "precision", "mode", "isl", "osl"),
    *("gemm_quant_mode", "batch_size", "tp_size", "attention_dp_size", "moe_tp_size"),
    *("moe_ep_size", "silicon_ttft_ms", "silicon_tpot_ms"),
]
_DUMP = "db-dump/2026; config_id=1; silicon_concurrency="


def _row(source: str, model: str, sizes: tuple[int, int, int, int], batch: int) -> dict[str, str]:
    values = (
        *(source, "trtllm", model, "h200_sxm", "fp8", "agg", "1024", "1024", "fp8", str(batch)),
        *(map(str, sizes)),
        *("100", "20"),
    )
    return dict(zip(_HEAD, values, strict=True))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A file like the real one."""
    path = tmp_path / "silicon.csv"
    rows = [
        _row(f"{_DUMP}256", "deepseek-ai/DeepSeek-R1", (1, 8, 1, 8), 32),
        _row(f"{_DUMP}256", "deepseek-ai/DeepSeek-R1", (1, 64, 8, 8), 4),
        _row(f"{_DUMP}64", "deepseek-ai/DeepSeek-R1", (64, 1, 8, 8), 64),
        _row(f"{_DUMP}64", "moonshotai/Kimi-K2.5", (4, 4, 1, 16), 16),
        _row("source_file=/Users/x; silicon_concurrency=16", "Qwen/Qwen3-32B", (4, 1, 1, 1), 16),
        _row("source_file=/Users/x; silicon_concurrency=8", "Qwen/Qwen3-32B", (8, 1, 1, 1), 8),
    ]
    with path.open("w", newline="") as page:
        writer = csv.DictWriter(page, _HEAD)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def rows(table: Path) -> Rows:
    """The file, read."""
    return read_rows(TABLES, csv_path=table)


def test_a_run_that_was_filed_twice_is_the_same_run(rows: Rows) -> None:
    """Protects the comparison: sizes that name the same chips twice are not multiplied."""
    assert rows.columns.chips.tolist() == [8, 8, 8, 4, 4, 8]
    assert rows.columns.copies.tolist() == [8, 8, 1, 4, 1, 1]
    assert rows.running.tolist() == [256, 256, 64, 64, 16, 8]
    assert len(set(rows.run)) == 1


def test_rows_know_whether_their_lengths_vary(rows: Rows) -> None:
    """Protects the time to first token: requests of one length end, and queue, together."""
    assert rows.traffic.alike.tolist() == [0, 0, 0, 0, 1, 1]
    assert rows.first_s[0] == 0.1
    assert rows.token_s[0] == 0.02


def test_relatives_are_one_family(rows: Rows) -> None:
    """Protects the split: R1, V3 and Kimi are never on both sides."""
    assert rows.family.tolist() == ["deepseek"] * 4 + ["qwen3"] * 2
    family, sealed = families()
    assert family["deepseek-ai/DeepSeek-V3"] == family["moonshotai/Kimi-K2.5"] == "deepseek"
    assert sealed == {"minimax", "qwen3_5", "glm"}
    assert len(set(family.values())) == 7


def test_the_fit_finds_constants_that_made_the_rows(rows: Rows) -> None:
    """Protects the search: it goes towards what was measured, and stays near the guesses."""
    before, made = predict(rows, BEFORE), fit(rows)
    after = predict(rows, made)
    assert np.abs(np.log(after.token_s / rows.token_s)).mean() < (
        np.abs(np.log(before.token_s / rows.token_s)).mean()
    )
    assert made.weights_share == pytest.approx(BEFORE.weights_share, rel=0.35)


def test_a_family_is_predicted_without_its_own_rows(rows: Rows) -> None:
    """Protects honesty: changing a family's times does not change what is predicted for it."""
    blind = held_out(rows)
    faked = rows._replace(token_s=np.where(rows.family == "qwen3", 9.0, rows.token_s))
    own = rows.family == "qwen3"
    assert np.array_equal(held_out(faked).token_s[own], blind.token_s[own])
    assert not np.array_equal(held_out(faked).token_s[~own], blind.token_s[~own])


def test_the_shipped_constants_are_a_fit() -> None:
    """Protects ranges: constants and errors come from the command that writes both."""
    fitted = TABLES.fit
    assert "benchmarks.planner fit" in fitted.source
    for miss in (fitted.token, fitted.first, fitted.throughput):
        assert 0 < miss.median < 0.5
        assert miss.low < 1 < miss.high


def test_the_picture_shows_every_run_near_its_diagonal() -> None:
    """Protects the eye: as long as predicted is as measured, dots lie on the line."""
    times = np.array([0.01, 0.02, 0.04, 0.4])
    family = np.array(["a", "a", "b", "b"])
    picture = ElementTree.fromstring(scatter(times, times, family))
    paths = [each.attrib["d"] for each in picture.iter("{http://www.w3.org/2000/svg}path")]
    assert len(paths) == 2
    dots = [
        tuple(map(int, dot.removesuffix("h0").split()))
        for path in paths
        for dot in path.split("M")[1:]
    ]
    (x1, y1), (x2, y2) = min(dots), max(dots)
    for x, y in dots:
        assert abs((y - y1) / (y2 - y1) - (x - x1) / (x2 - x1)) < 0.01
    assert len(dots) == 4


def test_deepseeks_day_is_a_bar_that_is_met() -> None:
    """Protects the benchmark's own lines that need no table."""
    read, written, nodes = deepseek_day(TABLES)
    assert (read.is_met, written.is_met, nodes.is_met) == (True, True, None)
