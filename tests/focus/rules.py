"""Writes the rules of FOCUS 1.2 (focus_1_2.toml) as rule files of FOCUS's validator.

The validator names a check after its file: ``BilledCost_Required.yaml``. JSON is YAML too.
"""

import json
import tomllib
from pathlib import Path

from msgspec import Struct, convert

__all__ = ["VERSION", "ColumnRules", "column_rules", "write"]

VERSION = "1.2"
_TABLE = Path(__file__).parent / "focus_1_2.toml"


class ColumnRules(Struct, frozen=True, forbid_unknown_fields=True):
    """What FOCUS asks of a column; the head of the table says what each field means."""

    level: str
    type: str = "string"
    applies: bool = False
    nulls: bool = False
    values: tuple[str, ...] = ()
    rules: dict[str, str] = {}

    @property
    def is_required(self) -> bool:
        """Whether our exports must have the column."""
        return self.level == "mandatory" or self.applies


def column_rules() -> dict[str, ColumnRules]:
    """The table, by column."""
    return convert(tomllib.loads(_TABLE.read_text()), dict[str, ColumnRules])


def write(folder: Path) -> list[str]:
    """A rule set in that folder, as ``--rule-set-path`` takes it; the names of its checks."""
    place = folder / VERSION
    place.mkdir(parents=True)
    names = []
    for column, asked in column_rules().items():
        for name, check in _checks(asked).items():
            rule = {"column_id": column, "check": check}
            (place / f"{column}_{name}.yaml").write_text(json.dumps(rule))
            names.append(f"{column}_{name}")
    return names


def _checks(asked: ColumnRules) -> dict[str, object]:
    checks: dict[str, object] = {"Type": {"data_type": asked.type}}
    if asked.is_required:
        checks["Required"] = "column_required"
    checks["Nulls"] = {"allow_nulls": asked.nulls}
    if asked.values:
        checks["Values"] = {"value_in": asked.values}
    for name, condition in asked.rules.items():
        query = f"SELECT CASE WHEN {condition} THEN TRUE ELSE FALSE END AS check_output FROM df;"
        checks[name] = {"sql_query": query}
    return checks
