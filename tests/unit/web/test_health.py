"""What health and metrics tell, and to whom."""

import pytest

from kilonova.core.usage import Cost, Usage, UsageRecord
from kilonova.telemetry.metrics import Metrics
from kilonova.telemetry.trace import Trace
from kilonova.web.health import Readiness, health_surface
from kilonova.web.message import Request, Response

_TAKEN = (b"cost_nano", b"energy_joules", b"co2e_grams", b"busy_seconds")


async def _ready() -> Readiness:
    return Readiness(True, {})


def _record() -> UsageRecord:
    names = ("request_id", "organisation_id", "project_id", "key_id", "model_id", "dialect")
    return UsageRecord(
        **dict.fromkeys(names, "x"),
        outcome="completed",
        usage=Usage(),
        price_nano=5,
        currency="USD",
        price_version="v",
        started_ms=0,
        finished_ms=0,
        cost=Cost(resource="machine", currency="USD", direct_nano=3, basis="modelled"),
    )


@pytest.mark.parametrize(
    ("tells_cost", "is_operator", "knows"),
    [(True, False, True), (False, False, False), (False, True, True)],
)
async def test_costs_are_told_to_whom_they_may_be(
    tells_cost: bool, is_operator: bool, knows: bool
) -> None:
    """Protects the margin where callers are not told what answers take: only the operator's own
    scraper reads it, and everybody sees what was billed."""
    metrics = Metrics("test")
    metrics.money.add(_record())
    surface = health_surface(
        readiness=_ready, metrics=metrics, is_operator=lambda _request: is_operator
    )
    request = Request(method="GET", raw_path=b"/metrics", query=b"", headers=[], trace=Trace())
    request.trace.tells_cost = tells_cost
    endpoint = surface.find(request)
    assert endpoint is not None
    answer = await endpoint.handle(request)
    assert isinstance(answer, Response)
    assert b"kilonova_billed_nano_total" in answer.body
    assert [name in answer.body for name in _TAKEN] == [knows] * len(_TAKEN)
