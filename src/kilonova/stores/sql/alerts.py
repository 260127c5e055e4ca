"""Alerts of budgets on disk: each line that was crossed, once for each window."""

from collections.abc import Sequence

import apsw

from kilonova.core.budgets import Alert, alert_key
from kilonova.stores.sql import compiled
from kilonova.stores.sql.operations import Save
from kilonova.stores.sql.rows import Row
from kilonova.stores.sql.writer import Done, Writer

__all__ = ["SqlAlerts"]


class SqlAlerts:
    """Implements ``core.budgets.AlertBook``. Reads see what is durable."""

    def __init__(self, writer: Writer, reader: apsw.Connection) -> None:
        self._writer = writer
        self._reader = reader

    def is_told(self, alert: Alert) -> bool:
        found = self._found(_row(alert)[:4])
        return found is not None and found.budget_nano == alert.budget_nano

    def find(self, alert_id: str) -> Alert | None:
        key = alert_key(alert_id)
        found = None if key is None else self._found(key)
        return found if found is not None and found.id == alert_id else None

    def save(self, alerts: Sequence[Alert]) -> Done:
        return self._writer.submit(Save(tuple((compiled.ALERT_INSERT, _row(a)) for a in alerts)))

    def page(self, *, after: Alert | None, limit: int) -> list[Alert]:
        behind = ("", "", "", 0) if after is None else _row(after)[:4]
        raised_ms = -1 if after is None else after.raised_ms
        rows = self._reader.execute(compiled.ALERT_PAGE, (raised_ms, *behind, limit))
        return [_alert(row) for row in rows.fetchall()]

    def _found(self, key: Row) -> Alert | None:
        rows = self._reader.execute(compiled.ALERT, key).fetchall()
        return _alert(rows[0]) if rows else None


def _row(alert: Alert) -> Row:
    return (
        alert.level_id,
        alert.budget,
        alert.window,
        alert.percent,
        alert.budget_nano,
        alert.spent_nano,
        alert.raised_ms,
    )


def _alert(row: Row) -> Alert:
    names = ("level_id", "budget", "window", "percent", "budget_nano", "spent_nano", "raised_ms")
    return Alert(**dict(zip(names, row, strict=True)))
