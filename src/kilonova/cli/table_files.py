"""Tables as CSV text and as Parquet files. Money stays decimal in both."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path

from kilonova.cli.exits import CONFIG, CommandError

__all__ = ["Cell", "as_csv", "need_parquet", "write_parquet"]

Cell = str | int | Decimal | datetime | None


def as_csv(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A line for each row below a line of names; what is None is empty."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([["" if cell is None else _plain(cell) for cell in row] for row in rows])
    return page.getvalue()


def need_parquet() -> None:
    """To ask before the work. Raises CommandError where the extra ``kilonova[export]`` is not
    installed."""
    try:
        import_module("pyarrow.parquet")
    except ImportError:
        raise CommandError(
            "Parquet needs pyarrow: pip install 'kilonova[export]'. CSV needs nothing.",
            code=CONFIG,
        ) from None


def write_parquet(
    path: Path,
    heads: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    kinds: Sequence[type] = (),
    places: int = 9,
) -> None:
    """One column for each name, of text, whole numbers, times or decimals with so many places.
    Without ``kinds`` the first cell of a column decides.

    Raises CommandError as ``need_parquet`` does.
    """
    need_parquet()
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    types = {
        str: arrow.string(),
        int: arrow.int64(),
        Decimal: arrow.decimal128(38, places),
        datetime: arrow.timestamp("ms", tz="UTC"),
    }
    arrays = []
    for at in range(len(heads)):
        cells = [row[at] for row in rows]
        first = next((type(cell) for cell in cells if cell is not None), str)
        arrays.append(arrow.array(cells, type=types[kinds[at] if kinds else first]))
    parquet.write_table(arrow.table(arrays, names=list(heads)), path)


def _plain(cell: str | int | Decimal | datetime) -> str:
    if isinstance(cell, datetime):
        return cell.isoformat()
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)
