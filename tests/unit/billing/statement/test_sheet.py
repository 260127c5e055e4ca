"""Conservation: whatever happens and whoever pays, the shares add up to the bill, to the nano."""

from hypothesis import given
from hypothesis import strategies as st

from kilonova.billing.statement.idle import WHOLE, IdleTerms, Worker, share_idle
from kilonova.billing.statement.profit_and_loss import statements_of
from kilonova.billing.statement.sheet import Billed, Spot
from kilonova.core.books import UsageSum
from kilonova.core.corrections import Adjustment
from kilonova.core.statement import SEGMENTATIONS, IdlePolicy, Statement, added
from statement_samples import head, machine, sheet, total

amounts = st.integers(0, 10**15)
policies: st.SearchStrategy[IdlePolicy] = st.sampled_from(["proportional", "reserved", "platform"])
owners = st.sampled_from(["org_1", "org_2", "org_3"])
reserved = st.sampled_from([{}, {"org_1": WHOLE}, {"org_1": 250_000, "org_3": 500_000}])


@st.composite
def sums(draw: st.DrawFn) -> UsageSum:
    marginal = draw(amounts)
    return total(
        organisation=draw(owners),
        model=draw(st.sampled_from(["a", "b"])),
        resource=draw(st.sampled_from(["machine", "gpu", "gone"])),
        price=draw(amounts),
        marginal=marginal,
        direct=marginal + draw(amounts),
        currency=draw(st.sampled_from(["USD", "EUR"])),
    )


def _statements(
    found: list[UsageSum], bill: tuple[int, int], terms: IdleTerms
) -> list[tuple[Statement, int]]:
    """Every segmentation of the same span, with what its resources cost in that currency."""
    machines = machine(bill[0], upkeep=7, idle_energy=11), machine(bill[1], name="gpu")
    made = sheet(found, *machines, idle=terms)
    return [
        (statement, sum(line.total_nano for line in statement.resources))
        for by in SEGMENTATIONS
        for statement in statements_of(made, head(by), [None, None])
    ]


@given(st.lists(sums(), max_size=12), st.tuples(amounts, amounts), policies, reserved)
def test_the_statements_of_organisations_are_the_statement(
    found: list[UsageSum], bill: tuple[int, int], policy: IdlePolicy, shares: dict[str, int]
) -> None:
    """Protects owners who see their own part alone: the parts and the platform are the whole, and
    nobody's part says anything of another organisation."""
    made = sheet(
        found, machine(bill[0]), machine(bill[1], name="gpu"), idle=IdleTerms(policy, shares)
    )
    for statement in statements_of(made, head("organisation"), [None, None]):
        parts = [statement.platform]
        for owner in ("org_1", "org_2", "org_3"):
            for own in statements_of(made.of(owner), head("organisation"), [None, None]):
                if own.currency == statement.currency:
                    assert {segment.id for segment in own.segments} <= {owner}
                    assert own.resources == ()
                    parts.append(own.total.amounts)
        money, whole = added(parts), statement.total.amounts
        assert money.cost_nano == whole.cost_nano
        assert money.revenue_nano == whole.revenue_nano
        assert money.shortfall_nano == whole.shortfall_nano


@given(st.lists(sums(), max_size=12), st.tuples(amounts, amounts), policies, reserved)
def test_the_statement_is_the_bill(
    found: list[UsageSum], bill: tuple[int, int], policy: IdlePolicy, shares: dict[str, int]
) -> None:
    """Protects conservation: costs of all segments and the platform are what resources cost."""
    for statement, cost in _statements(found, bill, IdleTerms(policy, shares)):
        whole = statement.total.amounts
        assert whole.cost_nano == cost
        parts = [*(segment.amounts for segment in statement.segments), statement.platform]
        assert added(parts) == whole
        priced = [each for each in found if each.currency == statement.currency]
        assert whole.revenue_nano == sum(each.price_nano for each in priced)


@given(st.lists(st.tuples(owners, amounts, amounts), max_size=9), policies, reserved, amounts)
def test_idle_time_is_shared_without_a_rest(
    took: list[tuple[str, int, int]], policy: IdlePolicy, shares: dict[str, int], bill: int
) -> None:
    """Protects the policies: nothing is lost, nothing is paid twice, whatever the sign."""
    workers = [Worker(owner, energy + fixed, fixed) for owner, energy, fixed in took]
    idle = bill - sum(worker.fixed_nano for worker in workers)
    share = share_idle(idle, workers, fixed_nano=bill, terms=IdleTerms(policy, shares))
    assert sum(share.workers) + sum(share.absent.values()) + share.platform_nano == idle
    if policy == "platform":
        assert share.platform_nano == idle
    if policy == "reserved":
        strangers = [
            nano
            for nano, worker in zip(share.workers, workers, strict=True)
            if worker.organisation_id not in shares
        ]
        assert not any(strangers)


def test_who_reserved_pays_for_what_was_left_of_it() -> None:
    """Protects other customers: half the machine is reserved, and a tenth of it was used."""
    workers = [Worker("org_1", 5, 5), Worker("org_2", 20, 20)]
    terms = IdleTerms("reserved", {"org_1": WHOLE // 2})
    share = share_idle(75, workers, fixed_nano=100, terms=terms)
    assert (share.workers, share.platform_nano) == ([45, 0], 30)
    nobody = share_idle(100, [], fixed_nano=100, terms=terms)
    assert (nobody.absent, nobody.platform_nano) == ({"org_1": 50}, 50)


def test_a_fixed_rate_is_told_apart() -> None:
    """Protects the lines of a statement: energy, capital and upkeep by the machine's own shares."""
    made = sheet([total(price=100, direct=50, marginal=10)], machine(30, upkeep=20, idle_energy=50))
    (statement,) = statements_of(made, head(), [None, None])
    own = statement.segments[0].amounts
    assert (own.energy_nano, own.capital_nano, own.upkeep_nano) == (30, 12, 8)
    assert (own.idle_nano, own.income_nano) == (60, -10)


def test_currencies_never_meet() -> None:
    """Protects sums: what was sold in euros on a machine paid in dollars is in two statements."""
    made = sheet([total(price=100, direct=50, currency="EUR")], machine(70))
    euros, dollars = statements_of(made, head(), [None, None])
    assert (euros.currency, euros.total.amounts.revenue_nano) == ("EUR", 100)
    assert euros.total.amounts.cost_nano == 0
    assert (dollars.total.amounts.revenue_nano, dollars.total.amounts.cost_nano) == (0, 70)


def test_refunds_lower_the_revenue_and_taxes_do_not() -> None:
    """Protects revenue: it is what is kept of the invoices, without what is passed on."""

    def booked(kind: str, amount: int) -> Billed:
        adjustment = Adjustment(
            id=f"adj_{kind}",
            organisation_id="org_1",
            kind=kind,  # type: ignore[arg-type]
            amount_nano=amount,
            currency="USD",
            reason="test",
            booked_ms=0,
        )
        return Billed(Spot("org_1", model="m"), adjustment)

    booked_ = [booked("refund", 30), booked("credit", 500), booked("credit_use", 20)]
    made = sheet([total(price=100)], billed=[*booked_, booked("tax", 19), booked("correction", 5)])
    (statement,) = statements_of(made, head(), [None, None])
    own = statement.segments[0].amounts
    assert (own.credit_nano, own.revenue_nano) == (45, 55)
