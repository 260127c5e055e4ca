"""The measured table that the planner is held against: real servers on six accelerators.

``silicon_sample.csv`` is a member of the PyPI wheel ``aiconfigurator-core`` 0.12.0 (Apache-2.0,
NVIDIA). It is downloaded into the user's cache when asked for, read there, and never kept in the
repository. What the file states wrongly about its own rows is put right in ``_layout``, with the
evidence.
"""

import csv
import io
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kilonova.planner.accelerator import PRECISIONS
from kilonova.planner.columns import Array, Columns, Configuration, Layout
from kilonova.planner.steady import Traffic
from kilonova.planner.tables import Tables

__all__ = ["Rows", "Unavailable", "families", "read_rows"]

_WHEEL = "aiconfigurator-core==0.12.0"
_MEMBER = "aiconfigurator_core/systems/silicon_sample.csv"
_SPLIT = Path(__file__).parent / "planner_split.toml"
# The table's names for models, and ours. V3 and R1 differ in their weights alone.
_MODELS = {
    "deepseek-ai/DeepSeek-R1": "deepseek-r1",
    "deepseek-ai/DeepSeek-V3": "deepseek-r1",
    "nvidia/DeepSeek-R1-NVFP4": "deepseek-r1",
    "nvidia/DeepSeek-V3.1-NVFP4": "deepseek-r1",
    "moonshotai/Kimi-K2.5": "kimi-k2.5",
    "MiniMaxAI/MiniMax-M2.5": "minimax-m2.5",
    "openai/gpt-oss-120b": "gpt-oss-120b",
    "meta-llama/Llama-3.1-70B": "llama-3.1-70b",
    "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "nvidia/Llama-3.1-8B-Instruct-FP8": "llama-3.1-8b",
    "Qwen/Qwen3-32B": "qwen3-32b",
    "nvidia/Qwen3-32B-NVFP4": "qwen3-32b",
    "Qwen/Qwen3-235B-A22B-FP8": "qwen3-235b-a22b",
    "Qwen/Qwen3.5-397B-A17B": "qwen3.5-397b-a17b",
    "zhipuai/GLM-5": "glm-5",
}


class Unavailable(Exception):
    """The table could not be had; the message says why."""


class Rows(NamedTuple):
    """Measured rows, all arrays of shape (n,): what was run, and the latencies that came out."""

    columns: Columns
    configurations: list[Configuration]
    running: Array
    traffic: Traffic
    first_s: Array
    token_s: Array
    family: NDArray[np.str_]
    group: NDArray[np.str_]
    run: NDArray[np.str_]

    def take(self, chosen: NDArray[np.bool_]) -> "Rows":
        """The rows where ``chosen`` is true."""
        traffic = {name: getattr(self.traffic, name)[chosen] for name in Traffic.__struct_fields__}
        return Rows(
            self.columns.take(chosen),
            [row for row, is_chosen in zip(self.configurations, chosen, strict=True) if is_chosen],
            self.running[chosen],
            Traffic(**traffic),
            self.first_s[chosen],
            self.token_s[chosen],
            self.family[chosen],
            self.group[chosen],
            self.run[chosen],
        )


def families() -> tuple[dict[str, str], set[str]]:
    """The family of each model of the table, and the names of the sealed families."""
    split = tomllib.loads(_SPLIT.read_text())
    family = {
        model: name for part in split.values() for name, models in part.items() for model in models
    }
    return family, set(split["sealed"])


def read_rows(tables: Tables, *, csv_path: Path | None = None) -> Rows:
    """Every aggregated row. Raises Unavailable when there is no table and no way to get one."""
    text = csv_path.read_text() if csv_path else _member_text()
    family, _ = families()
    found = [row for row in csv.DictReader(io.StringIO(text)) if row["mode"] == "agg"]
    configurations = [_configuration(row, tables) for row in found]
    return Rows(
        Columns.of(configurations),
        configurations,
        np.array([_running(row) for row in found], dtype=np.float64),
        Traffic(
            input_tokens=np.array([float(row["isl"]) for row in found]),
            output_tokens=np.array([float(row["osl"]) for row in found]),
            cached_tokens=np.zeros(len(found)),
            # NVIDIA's own runs send requests of one length; the dumps vary them by a fifth.
            alike=np.array([float("/Users/" in row["silicon_data_source"]) for row in found]),
        ),
        np.array([float(row["silicon_ttft_ms"]) / 1e3 for row in found]),
        np.array([float(row["silicon_tpot_ms"]) / 1e3 for row in found]),
        np.array([family[row["model_path"]] for row in found]),
        np.array(
            [
                "/".join((row["system"], row["backend"], row["model_path"], _precision(row)))
                for row in found
            ]
        ),
        # The same run was collected more than once, with times rounded differently.
        np.array(
            [
                f"{float(row['silicon_ttft_ms']):.0f}/{float(row['silicon_tpot_ms']):.2f}"
                for row in found
            ]
        ),
    )


def _member_text() -> str:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kilonova"
    kept = cache / "silicon_sample-0.12.0.csv"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _download(cache)
        (wheel,) = cache.glob("aiconfigurator_core-0.12.0-*.whl")
        kept.write_bytes(zipfile.ZipFile(wheel).read(_MEMBER))
        wheel.unlink()
    return kept.read_text()


def _download(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", _WHEEL, "--no-deps", "--quiet"]
    done = subprocess.run([*command, "--dest", str(folder)], check=False, capture_output=True)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise Unavailable(f"{_WHEEL} could not be downloaded: {' '.join(last)}")


def _configuration(row: Mapping[str, str], tables: Tables) -> Configuration:
    return Configuration(
        model=tables.models[_MODELS[row["model_path"]]],
        accelerator=tables.accelerators[row["system"].removesuffix("_sxm")],
        precision=PRECISIONS[_precision(row)],
        layout=_layout(row),
        engine=row["backend"],
    )


def _precision(row: Mapping[str, str]) -> str:
    names = {"nvfp4": "fp4", "fp8": "fp8", "fp8_block": "fp8", "int4_wo": "int4"}
    return row["precision"] or names.get(row["gemm_quant_mode"], "bf16")


def _count(text: str) -> int:
    return int(text) if text not in ("", "0") else 1


def _concurrency(row: Mapping[str, str]) -> int | None:
    found = re.search(r"silicon_concurrency=(\d+)", row["silicon_data_source"])
    return int(found[1]) if found else None


def _copies_attention(row: Mapping[str, str]) -> bool:
    """Copies that the file leaves blank: the batch is a chip's when the load is chips x batch."""
    is_blank = row["attention_dp_size"] in ("", "0") and _count(row["tp_size"]) > 1
    is_sparse = row["model_path"].startswith(("deepseek", "nvidia/DeepSeek", "moonshotai"))
    load = _count(row["tp_size"]) * int(row["batch_size"])
    return is_blank and is_sparse and _concurrency(row) == load


def _running(row: Mapping[str, str]) -> int:
    """Requests at once in the whole replica: the batch is of one copy of the attention."""
    copies = _count(row["attention_dp_size"])
    if _copies_attention(row):
        copies = _count(row["tp_size"])
    return int(row["batch_size"]) * copies


def _layout(row: Mapping[str, str]) -> Layout:
    """How the replica was spread.

    Rows of the dumps multiply sizes that name the same chips: a run filed once as tp 1 x dp 8 with
    ep 8 and a batch of 32 a rank is filed again, with the same two times, as dp 64 with a batch of
    4. So where both parallel sizes of the experts are n and their product is what is stated, there
    are n chips. Sizes above a node (gb200, 12 to 72) count all chips of a disaggregated system.
    """
    tensor, copies = _count(row["tp_size"]), _count(row["attention_dp_size"])
    split, dealt = _count(row["moe_tp_size"]), _count(row["moe_ep_size"])
    stated = max(tensor * copies, split * dealt)
    is_dump = re.search(r"model=|config_id", row["silicon_data_source"]) is not None
    if is_dump and split == dealt > 1 and stated == split * dealt:
        return Layout(chips=dealt, tensor=1 if copies > 1 else dealt, experts=dealt)
    if is_dump and tensor == copies > 1 and dealt == stated:
        return Layout(chips=tensor, tensor=1, experts=tensor)
    if split == stated > 8:
        return Layout(chips=stated, tensor=1, experts=stated)
    if _copies_attention(row):
        tensor = 1
    return Layout(chips=stated, tensor=tensor, experts=dealt)
