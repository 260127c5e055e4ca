"""Sums of requests and statements for tests: what a span sold and took, in a few words."""

from collections.abc import Mapping, Sequence

from kilonova.admin.statements import StatementView, show_statements
from kilonova.billing.cost.resource import ResourceCost
from kilonova.billing.statement.idle import IdleTerms
from kilonova.billing.statement.profit_and_loss import statements_of
from kilonova.billing.statement.sheet import Billed, Sheet, work_out
from kilonova.core.books import UsageSum
from kilonova.core.statement import Segmentation, Statement
from kilonova.core.usage import Usage

NANO = 10**9
PROPORTIONAL = IdleTerms()


def total(
    *,
    organisation: str = "org_1",
    model: str = "m",
    resource: str = "machine",
    price: int = 0,
    direct: int = 0,
    marginal: int = 0,
    usage: Usage | None = None,
    currency: str = "USD",
    cost_currency: str = "USD",
    busy_ns: int = 0,
) -> UsageSum:
    """A line by the cells of a sheet; amounts in nano-units."""
    return UsageSum(
        group=(organisation, f"proj_{organisation}", model, "engine", resource, "modelled"),
        currency=currency,
        requests=1,
        usage=usage or Usage(),
        price_nano=price,
        shortfall_nano=0,
        cost_currency=cost_currency,
        direct_nano=direct,
        marginal_nano=marginal,
        busy_ns=busy_ns,
    )


def machine(
    capital: int, *, upkeep: int = 0, idle_energy: int = 0, name: str = "machine"
) -> ResourceCost:
    """What a machine cost; what its requests caused is added."""
    return ResourceCost(
        resource=name,
        currency="USD",
        kind="machine",
        is_assumed=False,
        capital_nano=capital,
        upkeep_nano=upkeep,
        idle_energy_nano=idle_energy,
        dynamic_nano=0,
    )


def sheet(
    sums: Sequence[UsageSum],
    *machines: ResourceCost,
    idle: IdleTerms = PROPORTIONAL,
    billed: Sequence[Billed] = (),
) -> Sheet:
    """A span of these sums on these machines."""

    def costs(dynamic: Mapping[tuple[str, str], int]) -> list[ResourceCost]:
        return [
            ResourceCost(
                **{name: getattr(each, name) for name in ResourceCost.__struct_fields__[:-1]},
                dynamic_nano=dynamic.get((each.resource, each.currency), 0),
            )
            for each in machines
        ]

    return work_out(list(sums), list(billed), costs=costs, terms=idle)


def head(by: Segmentation = "model", year: tuple[int, int] = (4, 1)) -> Statement:
    """What the statements of a quarter have in common."""
    return Statement(
        currency="",
        by=by,
        period="2024-Q4",
        since_ms=1_727_740_800_000,
        until_ms=1_735_689_600_000,
        is_running=False,
        idle="proportional",
        year=year,
    )


def shown(
    now: Sheet, year_before: Sheet | None = None, by: Segmentation = "model"
) -> StatementView:
    """The one statement of a sheet, as the admin API shows it."""
    statements = statements_of(now, head(by), [None, year_before])
    (view,) = show_statements(statements, {}).data
    return view
