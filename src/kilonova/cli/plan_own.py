"""``kilonova plan --here``: this machine, as ``kilonova calibrate`` measured it, and its page."""

from collections.abc import Iterator

from msgspec.structs import replace

from kilonova.billing.cost.calibration import Measured, read_calibration
from kilonova.cli.exits import USAGE, CommandError
from kilonova.cli.output import columns
from kilonova.cli.run import Run
from kilonova.core.model import Model
from kilonova.offer import Offer, plan_offer
from kilonova.planner.own import OwnMachine, OwnPlan

__all__ = ["as_machine", "own_as_text", "own_machine"]

_NS = 1e-9
_SLOTS = 4  # what the local engine starts with
_READ_AT_ONCE = 2_048  # tokens of prompts that it reads before anybody gets the next token
_EIGHT_OF_TEN = 1.9  # half the width of the middle eighty of a hundred over that of fifty
_OFF_MIN = 0.1  # the bar of benchmarks/planner_own.py: no plan is surer than that
_LATENCIES = (
    ("first token", "first_token_ms"),
    ("per token", "token_ms"),
    ("whole request", "request_ms"),
)


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
    return replace(
        as_machine(measured, model=model, slots=_slots(offer, measured)),
        name=calibration.machine or "this machine",
        date=calibration.made_at,
    )


def as_machine(measured: Measured, *, model: Model, slots: int) -> OwnMachine:
    """What was measured, as the planner takes it, of a machine without a name."""
    beside, steps = _steps(measured, slots)
    return OwnMachine(
        name="this machine",
        date="",
        model=model.id,
        read_s=measured.prefill_ns * _NS,
        read_more_s=measured.prefill_more_ns * _NS,
        beside=beside,
        steps_s=tuple(step * _NS for step in steps),
        context_s=measured.context_ns * _NS,
        start_s=measured.start_ns * _NS,
        slots=slots,
        chunk=_READ_AT_ONCE,
        context_tokens=model.context_tokens,
        off=max(_OFF_MIN, measured.off + _EIGHT_OF_TEN * measured.spread),
    )


def _steps(measured: Measured, slots: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Of files that tell of two answers at once only, more are thought to be like these."""
    if measured.steps_ns:
        return measured.beside, measured.steps_ns
    full = measured.decode_ns * (1 + measured.parallel * (slots - 1))
    return (1, max(slots, 2)), (measured.decode_ns, full)


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
        f"At most {plan.capacity:.3g} requests/s ({plan.slow.capacity:.3g} to "
        f"{plan.fast.capacity:.3g}) of {work.input_tokens:g} + {work.output_tokens:g} tokens, "
        f"{plan.tokens_s:,.0f} tokens/s written, {machine.slots} at once"
    )
    yield f"At {work.rate:g} requests/s it is {plan.utilisation:.0%} busy:"
    rows: list[tuple[str, ...]] = [("MS", "P50", "P95", "P95, LIKELY", "P99")]
    for name, row, slow, fast in (
        (what, *(getattr(tail, field) for tail in (plan.tail, plan.slow.tail, plan.fast.tail)))
        for what, field in _LATENCIES
    ):
        likely = f"{fast.p95:,.1f} to {slow.p95:,.1f}"
        rows.append((name, f"{row.p50:,.1f}", f"{row.p95:,.1f}", likely, f"{row.p99:,.1f}"))
    yield from columns(rows)
    yield f"Likely: where eight of ten load tests come out, if times are {machine.off:.0%} off."
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
