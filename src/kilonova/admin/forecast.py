"""Plans over the admin API: one at a time in a thread, the newest kept in memory, no more."""

import asyncio
from datetime import datetime

import msgspec
from msgspec import Raw, Struct, field

from kilonova.admin.views import moment
from kilonova.core.errors import NotFound, Overloaded
from kilonova.core.forecast import Forecast, Traffic
from kilonova.core.ids import new_id, time_ms

__all__ = ["NewPlan", "PlanDesk", "PlanHead", "PlanList", "PlanView", "UsagePeriod"]

_WAITING_MAX = 4
_KEPT_MAX = 20


class UsagePeriod(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests stand for the traffic: of a model, of an organisation, of a time (the last
    seven days). ``from`` is included, ``to`` is not."""

    model: str | None = None
    organisation: str | None = None
    from_: str | None = field(name="from", default=None)
    to: str | None = None


class NewPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``workload``, ``supply`` and ``wishes`` hold what a plan file holds. With ``from_usage`` the
    workload is what was metered, but for what it says itself."""

    model: str = ""
    workload: dict[str, Raw] = {}
    supply: dict[str, Raw] = {}
    wishes: dict[str, Raw] = {}
    as_of: str | None = None
    from_usage: UsagePeriod | None = None


class PlanHead(Struct, frozen=True, kw_only=True):
    """Plans are kept until twenty newer ones are made, or the server stops."""

    id: str
    created_at: datetime
    model: str


class PlanView(PlanHead, frozen=True, kw_only=True):
    """``plan`` is the document that ``kilonova plan --json`` writes."""

    plan: Raw


class PlanList(Struct, frozen=True, kw_only=True):
    """Newest first."""

    data: tuple[PlanHead, ...]


class PlanDesk:
    """Belongs to the event loop. At most four questions wait; more are told to come later."""

    def __init__(self, forecast: Forecast) -> None:
        self._forecast = forecast
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._kept: dict[str, PlanView] = {}

    async def make(self, body: NewPlan, traffic: Traffic | None) -> PlanView:
        """Raises InvalidRequest for a question that has no answer, and Overloaded."""
        if self._waiting >= _WAITING_MAX:
            raise Overloaded("Other plans are being made: ask again shortly.", retry_after_s=2)
        self._waiting += 1
        try:
            async with self._turn:
                made = await asyncio.to_thread(self._forecast.plan, _question(body), traffic)
        finally:
            self._waiting -= 1
        name = new_id("plan")
        view = PlanView(id=name, created_at=moment(time_ms(name)), model=body.model, plan=Raw(made))
        self._kept[name] = view
        while len(self._kept) > _KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        return view

    def listed(self) -> PlanList:
        heads = (
            PlanHead(id=view.id, created_at=view.created_at, model=view.model)
            for view in reversed(self._kept.values())
        )
        return PlanList(data=tuple(heads))

    def find(self, name: str) -> PlanView:
        """Raises NotFound."""
        if name not in self._kept:
            raise NotFound(f"There is no plan {name[:100]!r} here any more: make it again.")
        return self._kept[name]


def _question(body: NewPlan) -> bytes:
    """One document, as a plan file is one."""
    known = {"workload": body.workload, "supply": body.supply, "model": body.model}
    dated = {} if body.as_of is None else {"as_of": body.as_of}
    return msgspec.json.encode({**body.wishes, **known, **dated})
