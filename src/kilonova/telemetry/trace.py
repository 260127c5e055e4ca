"""The facts of one request, gathered on its way and written once at its end.

An allow-list by construction: a trace has no place for the content of a prompt or an answer.
"""

import time

from kilonova.core.budgets import BudgetRefusal
from kilonova.core.identity import Rate
from kilonova.core.ids import new_id
from kilonova.core.usage import UsageRecord

__all__ = ["Trace"]


class Trace:
    """Made by the edge for each request; the request path fills in what it learns."""

    __slots__ = (
        "commit_s",
        "dialect",
        "error",
        "error_detail",
        "first_event_s",
        "is_secure",
        "is_whole",
        "key_id",
        "last_event_s",
        "limited_by",
        "method",
        "model_id",
        "organisation_id",
        "parent",
        "path",
        "project_id",
        "record",
        "refused_budget",
        "request_id",
        "requests_rate",
        "service_tier",
        "started_s",
        "status",
        "tells_cost",
        "tokens_rate",
        "was_disconnected",
        "was_replayed",
    )

    def __init__(self, method: str = "", path: str = "") -> None:
        self.request_id = new_id("req")
        self.method = method
        self.path = path
        self.started_s = time.perf_counter()
        self.first_event_s: float | None = None
        self.last_event_s: float | None = None
        self.commit_s: float | None = None
        self.status = 0
        self.dialect = ""
        self.model_id = ""
        self.organisation_id = ""
        self.project_id = ""
        self.key_id = ""
        self.parent = ""
        self.record: UsageRecord | None = None
        # The one that was sold, once it was.
        self.service_tier = "default"
        self.limited_by = ""
        self.refused_budget: BudgetRefusal | None = None
        self.requests_rate: Rate | None = None
        self.tokens_rate: Rate | None = None
        self.error = ""
        self.error_detail = ""
        self.was_disconnected = False
        self.was_replayed = False
        self.is_whole = False
        self.tells_cost = True
        self.is_secure = False

    def note_first_event(self) -> None:
        """Marks the time to first token."""
        if self.first_event_s is None:
            self.first_event_s = time.perf_counter()

    def note_last_event(self) -> None:
        """Marks the end of generation, before the settlement is waited for."""
        self.last_event_s = time.perf_counter()

    def note_commit(self) -> None:
        """Marks the settlement as on disk."""
        if self.last_event_s is not None:
            self.commit_s = time.perf_counter() - self.last_event_s
