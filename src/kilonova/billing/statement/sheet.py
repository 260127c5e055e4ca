"""One span of time worked out: what every cell sold, took and pays besides, exactly.

A cell is the requests of one organisation, project, model, engine, resource and pair of currencies.
The sums of a span are few, however many requests it had.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from kilonova.billing.cost.resource import ResourceCost
from kilonova.billing.statement.idle import IdleTerms, Share, Worker, share_idle
from kilonova.core.books import Grouping, UsageSum
from kilonova.core.corrections import Adjustment
from kilonova.core.money import apportion
from kilonova.core.statement import Amounts, ResourceLine

__all__ = ["CELL", "Billed", "Cell", "ResourceCosts", "Sheet", "Spot", "cost_of", "work_out"]

CELL: tuple[Grouping, ...] = (
    "organisation",
    "project",
    "model",
    "engine",
    "resource",
    "cost_basis",
)
_Place = tuple[str, str]
# What every resource cost in the span, given what its requests caused, by name and currency.
ResourceCosts = Callable[[Mapping[_Place, int]], list[ResourceCost]]


class Spot(Struct, frozen=True, order=True):
    """Where an amount belongs; empty where nothing says so."""

    organisation: str = ""
    project: str = ""
    model: str = ""
    engine: str = ""


class Cell(Struct, frozen=True):
    """``idle_nano`` is what it pays besides its direct cost, in the currency of the cost."""

    spot: Spot
    usage: UsageSum
    idle_nano: int

    @property
    def resource(self) -> str:
        return self.usage.group[4]

    @property
    def basis(self) -> str:
        return self.usage.group[5]


class Billed(Struct, frozen=True):
    """An adjustment where it belongs."""

    spot: Spot
    adjustment: Adjustment


class Sheet(Struct, frozen=True, kw_only=True):
    """The whole span. ``absent`` are organisations that reserved and did not come."""

    cells: list[Cell]
    billed: list[Billed]
    costs: dict[_Place, ResourceCost]
    absent: list[tuple[str, str, int]]
    resources: dict[str, list[ResourceLine]]
    platform: dict[str, int]

    @property
    def currencies(self) -> list[str]:
        """Those in which money moved, in order; where none did, those in which it would."""
        moved = {
            currency
            for currency, lines in self.resources.items()
            if any(line.total_nano or line.direct_nano for line in lines)
        }
        moved |= {each.adjustment.currency for each in self.billed if revenue_nano(each)}
        sums = [cell.usage for cell in self.cells]
        moved |= {each.currency for each in sums if each.list_nano or each.shortfall_nano}
        moved |= {each.cost_currency for each in sums if each.direct_nano}
        moved |= {paid_in for _, paid_in, nano in self.absent if nano}
        return sorted(moved or {each.currency for each in sums} | set(self.resources))

    def of(self, organisation_id: str) -> "Sheet":
        """What concerns one organisation: what it bought and took, with its shares of idle time."""
        return replace(
            self,
            cells=[each for each in self.cells if each.spot.organisation == organisation_id],
            billed=[each for each in self.billed if each.spot.organisation == organisation_id],
            absent=[each for each in self.absent if each[0] == organisation_id],
            resources={},
            platform={},
        )

    def amounts(self, currency: str) -> Iterable[tuple[Spot, Amounts]]:
        """What each cell, and each adjustment, adds to the statement of a currency."""
        for cell in self.cells:
            if currency in (cell.usage.currency, cell.usage.cost_currency):
                yield cell.spot, self._of_cell(cell, currency)
        for each in self.billed:
            if each.adjustment.currency == currency and revenue_nano(each):
                yield each.spot, Amounts(credit_nano=-revenue_nano(each))
        for organisation, paid_in, nano in self.absent:
            if paid_in == currency:
                yield Spot(organisation=organisation), Amounts(idle_nano=nano)

    def _of_cell(self, cell: Cell, currency: str) -> Amounts:
        usage = cell.usage
        counts = usage.usage
        is_sold, is_paid = usage.currency == currency, usage.cost_currency == currency
        took = self._took(cell) if is_paid else {}
        return Amounts(
            requests=usage.requests,
            uncosted=0 if cell.basis else usage.requests,
            input_tokens=counts.prompt_tokens - counts.cache_read_tokens,
            cached_tokens=counts.cache_read_tokens,
            output_tokens=counts.output_tokens,
            list_nano=usage.list_nano if is_sold else 0,
            discount_nano=usage.discount_nano if is_sold else 0,
            shortfall_nano=usage.shortfall_nano if is_sold else 0,
            idle_nano=cell.idle_nano if is_paid else 0,
            busy_ns=usage.busy_ns,
            energy_uj=usage.energy_uj,
            co2_ug=usage.co2_ug,
            **took,
        )

    def _took(self, cell: Cell) -> dict[str, int]:
        """The direct cost by what it was spent on: energy of work, and shares of the fixed rate."""
        usage = cell.usage
        cost = self.costs[cell.resource, usage.cost_currency]
        if cost.kind == "vendor":
            return {"upstream_nano": usage.direct_nano}
        fixed = usage.direct_nano - usage.marginal_nano
        weights = (cost.capital_nano, cost.upkeep_nano, cost.idle_energy_nano)
        capital, upkeep, energy = apportion(fixed, weights)
        return {
            "energy_nano": usage.marginal_nano + energy,
            "capital_nano": capital,
            "upkeep_nano": upkeep,
        }


def revenue_nano(billed: Billed) -> int:
    """What an adjustment adds to the revenue: all that it changes of what is owed, but taxes."""
    return 0 if billed.adjustment.kind == "tax" else billed.adjustment.owed_nano


def cost_of(sums: list[UsageSum], costs: ResourceCosts) -> dict[_Place, ResourceCost]:
    """Every resource by name and currency. One that is not known any more cost what its requests
    took, no more and no less: nobody says what it cost besides."""
    dynamic: dict[_Place, int] = defaultdict(int)
    fixed: dict[_Place, int] = defaultdict(int)
    for each in sums:
        place = each.group[4], each.cost_currency
        dynamic[place] += each.marginal_nano
        fixed[place] += each.direct_nano - each.marginal_nano
    found = {(cost.resource, cost.currency): cost for cost in costs(dynamic)}
    return found | {
        place: ResourceCost(
            resource=place[0],
            currency=place[1],
            kind="machine",
            is_assumed=False,
            capital_nano=fixed[place],
            upkeep_nano=0,
            idle_energy_nano=0,
            dynamic_nano=dynamic[place],
        )
        for place in dynamic
        if place not in found
    }


def work_out(
    sums: list[UsageSum], billed: list[Billed], *, costs: ResourceCosts, terms: IdleTerms
) -> Sheet:
    """``sums`` by ``CELL``."""
    by_place = cost_of(sums, costs)
    cells: list[Cell] = []
    absent: list[tuple[str, str, int]] = []
    resources: dict[str, list[ResourceLine]] = defaultdict(list)
    platform: dict[str, int] = defaultdict(int)
    for place, cost in sorted(by_place.items(), key=lambda item: item[0]):
        here = [each for each in sums if (each.group[4], each.cost_currency) == place]
        direct = sum(each.direct_nano for each in here)
        share = _share(here, cost, idle_nano=cost.total_nano - direct, terms=terms)
        for each, idle_nano in zip(here, share.workers, strict=True):
            cells.append(Cell(Spot(*each.group[:4]), each, idle_nano))
        absent += [(owner, place[1], nano) for owner, nano in share.absent.items()]
        platform[place[1]] += share.platform_nano
        if place[0]:
            resources[place[1]].append(_line(cost, here, share))
    return Sheet(
        cells=cells,
        billed=billed,
        costs=by_place,
        absent=absent,
        resources=resources,
        platform=platform,
    )


def _share(here: list[UsageSum], cost: ResourceCost, *, idle_nano: int, terms: IdleTerms) -> Share:
    workers = [
        Worker(each.group[0], each.direct_nano, each.direct_nano - each.marginal_nano)
        for each in here
    ]
    return share_idle(idle_nano, workers, fixed_nano=cost.fixed_nano, terms=terms)


def _line(cost: ResourceCost, here: list[UsageSum], share: Share) -> ResourceLine:
    direct = sum(each.direct_nano for each in here)
    return ResourceLine(
        resource=cost.resource,
        is_assumed=cost.is_assumed,
        total_nano=cost.total_nano,
        direct_nano=direct,
        idle_nano=cost.total_nano - direct,
        shared_nano=sum(share.workers) + sum(share.absent.values()),
        busy_ns=sum(each.busy_ns for each in here),
    )
