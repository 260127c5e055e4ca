"""Time that resources worked, against the time there was."""

from msgspec.structs import replace

from kilonova.billing.busy import BusyAudit
from kilonova.core.usage import Cost
from ledger_samples import hold, record, used


def test_a_clock_that_was_set_back_is_no_finding() -> None:
    """Protects operators from a false alarm: a request that ends before it began says nothing
    about how long its resource worked."""
    audit = BusyAudit()
    made = record(hold("req_1"), used(1))
    audit.add(
        replace(
            made,
            started_ms=200_000_000,
            finished_ms=92_000_000,
            cost=Cost(resource="vendor", busy_ns=5_000_000_000),
        )
    )
    assert list(audit.findings()) == []
