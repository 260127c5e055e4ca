"""Configurations that the planner's tests share."""

import numpy as np

from kilonova.planner.accelerator import PRECISIONS
from kilonova.planner.columns import Columns, Configuration, Layout
from kilonova.planner.steady import Traffic
from kilonova.planner.tables import Tables, load_tables

__all__ = ["TABLES", "columns", "traffic", "way"]

TABLES: Tables = load_tables()


def way(
    model: str = "llama-3.1-70b",
    *,
    chip: str = "h100",
    chips: int = 8,
    tensor: int | None = None,
    experts: int = 1,
    precision: str = "fp8",
) -> Configuration:
    """One configuration of the tables, split over all of its chips unless said."""
    return Configuration(
        model=TABLES.models[model],
        accelerator=TABLES.accelerators[chip],
        precision=PRECISIONS[precision],
        layout=Layout(chips=chips, tensor=tensor or chips, experts=experts),
    )


def columns(*ways: Configuration) -> Columns:
    """Columns of one or several."""
    return Columns.of(ways or (way(),))


def traffic(
    rows: int = 1, *, read: float = 1000.0, written: float = 500.0, cached: float = 0.0
) -> Traffic:
    """The same lengths for every row."""
    ones = np.ones(rows)
    return Traffic(
        input_tokens=read * ones,
        output_tokens=written * ones,
        cached_tokens=cached * ones,
        alike=0 * ones,
    )
