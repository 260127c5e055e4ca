"""``kilonova plan --here``: this machine, as ``kilonova calibrate`` measured it, and its page."""

from collections.abc import Iterator

from kilonova.billing.cost.calibration import Measured, read_calibration
from kilonova.cli.exits import USAGE, CommandError
from kilonova.cli.output import columns
from kilonova.cli.run import Run
from kilonova.offer import Offer, plan_offer
from kilonova.planner.own import OwnMachine, OwnPlan

__all__ = ["own_as_text", "own_machine"]

_NS = 1e-9
_SLOTS = 4  # what the local engine starts with


def own_machine(run: Run, name: str) -> OwnMachine:
    """The machine as measured for a model on offer. Raises CommandError where it was not."""
    offer = plan_offer(run.settings())
    model = offer.catalog.find(name)
    calibration = read_calibration(run.home.calibration_path)
    measured = calibration.models.get(model.id) if calibration else None
    if calibration is None or measured is None:
        raise CommandError(
            f"{model.id} was not measured here: run kilonova calibrate --model {model.id} first.",
            code=USAGE,
        )
    return OwnMachine(
        name=calibration.machine or "this machine",
        date=calibration.made_at,
        model=model.id,
        read_s=measured.prefill_ns * _NS,
        write_s=measured.decode_ns * _NS,
        context_s=measured.context_ns * _NS,
        start_s=measured.start_ns * _NS,
        slower=measured.parallel,
        slots=_slots(offer, measured),
        chunk=measured.step_tokens,
        context_tokens=model.context_tokens,
    )


def _slots(offer: Offer, measured: Measured) -> int:
    for plan in offer.engines:
        if plan.name == measured.engine:
            return int(plan.options.get("parallel", _SLOTS))
    return _SLOTS


def own_as_text(plan: OwnPlan) -> list[str]:
    """What the machine can serve, how fast, and what the same tokens cost elsewhere."""
    return list(_page(plan))


def _page(plan: OwnPlan) -> Iterator[str]:
    machine, work = plan.machine, plan.workload
    yield f"{machine.model} on {machine.name}, measured {machine.date}"
    yield (
        f"At most {plan.capacity:.3g} requests/s of {work.input_tokens:g} + {work.output_tokens:g} "
        f"tokens, {plan.tokens_s:,.0f} tokens/s written, {machine.slots} at once"
    )
    yield f"At {work.rate:g} requests/s it is {plan.utilisation:.0%} busy:"
    tail = plan.tail
    rows: list[tuple[str, ...]] = [("MS", "P50", "P95", "P99")]
    for name, row in (
        ("first token", tail.first_token_ms),
        ("per token", tail.token_ms),
        ("whole request", tail.request_ms),
    ):
        rows.append((name, *(f"{value:,.1f}" for value in (row.p50, row.p95, row.p99))))
    yield from columns(rows)
    if plan.usd_per_million is not None:
        yield f"$/M tokens at this load: {plan.usd_per_million:.3f}"
    yield ""
    yield "The same tokens at others' prices:"
    others: list[tuple[str, ...]] = [("PRICE LIST", "$/DAY", "CHEAPER HERE FROM")]
    for price in sorted(plan.prices, key=lambda entry: entry.usd_a_day):
        meets = "-" if plan.usd_per_million is None else "never"
        if price.breakeven_rate is not None:
            meets = f"{price.breakeven_rate:.3g} requests/s"
        others.append((price.price_list, f"{price.usd_a_day:,.2f}", meets))
    yield from columns(others)
