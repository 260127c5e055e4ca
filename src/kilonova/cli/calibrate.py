"""``kilonova calibrate``: measures what a token takes here, for the shares of its cost."""

import asyncio
import datetime
import importlib.metadata
import os
import platform
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from msgspec import Struct
from msgspec.structs import replace

from kilonova import __version__
from kilonova.cli.command import command, verb
from kilonova.cli.exits import USAGE, CommandError
from kilonova.cli.run import Run
from kilonova.core.model import Model
from kilonova.home import write_private
from kilonova.settings import SettingsError

if TYPE_CHECKING:
    from kilonova.billing.cost.calibration import Calibration, Measured
    from kilonova.offer import EnginePlan, Offer

__all__ = ["app"]

app = verb()

# A vendor's machine is not ours to measure, and the scripted engine has no model.
_MEASURED = ("llamacpp",)
_MS = 1e6
_SLOTS = 4  # what the local engine starts with


class CalibrateOptions(Struct, frozen=True, kw_only=True):
    model: Annotated[str | None, typer.Option(help="One model by its id; all local ones.")] = None
    file: Annotated[
        Path | None, typer.Option(help="Write here instead of calibration.json in the home.")
    ] = None


@command(app)
def calibrate(run: Run, options: CalibrateOptions) -> None:
    """Measure this machine's models: what reading and writing a token takes."""
    from kilonova.billing.cost.calibration import FORMAT, Calibration
    from kilonova.offer import plan_offer

    run.home.prepare()
    offer = plan_offer(run.settings())
    models = _chosen(offer, options.model)
    if run.home.server_note() is not None:
        run.output.note("A server may be running on this home: what it does disturbs the times.")
    started_s = time.monotonic()
    measured = asyncio.run(_measure_all(run, offer, models))
    path = options.file or run.home.calibration_path
    made = Calibration(
        format=FORMAT,
        made_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        versions=_versions(),
        machine=_processor(),
        processors=len(os.sched_getaffinity(0)),
        models=measured,
    )
    made = _with_others(made, path)
    write_private(path, msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    run.output.progress("")
    if run.output.is_json:
        run.output.document(made)
        return
    heads = (
        "MODEL",
        "READ ms/token",
        "WRITE ms/token",
        "CONTEXT ms/1000",
        "WRITE:READ",
        "WRITE ms, ALL SLOTS",
        "OFF",
        "SPREAD",
    )
    run.output.table(heads, [_row(model_id, one) for model_id, one in measured.items()])
    run.output.note(f"wrote {path} in {time.monotonic() - started_s:.1f} s; restart to use it")


def _chosen(offer: "Offer", name: str | None) -> list[Model]:
    """Raises CommandError where nothing can be measured."""
    local = {plan.name for plan in offer.engines if plan.kind in _MEASURED}
    models = [one for one in offer.catalog.models if one.engine in local and one.can("chat")]
    if name is not None:
        wanted = offer.catalog.find(name)
        if wanted not in models:
            raise CommandError(f"{wanted.id} does not write on this machine.", code=USAGE)
        return [wanted]
    if not models:
        raise CommandError("No model here writes on this machine.", code=USAGE)
    return models


async def _measure_all(run: Run, offer: "Offer", models: list[Model]) -> "dict[str, Measured]":
    plans = {plan.name: plan for plan in offer.engines}
    return {model.id: await _measure(run, plans[model.engine], model) for model in models}


async def _measure(run: Run, plan: "EnginePlan", model: Model) -> "Measured":
    """On an engine of its own, so that a server that runs keeps its."""
    from kilonova.billing.cost.measuring import Measurer, TooLittleError
    from kilonova.engines import EngineOptionsError, open_engine

    run.output.progress(f"{model.id}: starts")
    with tempfile.TemporaryDirectory(prefix="kilonova-") as folder:
        try:
            engine = open_engine(plan.kind, plan.name, plan.options, home=Path(folder))
        except EngineOptionsError as error:
            raise SettingsError(str(error)) from None
        await engine.start()
        try:
            slots = int(plan.options.get("parallel", _SLOTS))
            return await Measurer(engine, model, slots=slots, tell=run.output.progress).measure()
        except TooLittleError as error:
            raise CommandError(str(error)) from None
        finally:
            await engine.stop()


def _with_others(made: "Calibration", path: Path) -> "Calibration":
    """Beside what the file says of other models, where this machine and release made it."""
    from kilonova.billing.cost.calibration import read_calibration

    before = None
    # A file that cannot be read is made anew.
    with suppress(SettingsError):
        before = read_calibration(path)
    if before is None or (before.machine, before.versions) != (made.machine, made.versions):
        return made
    return replace(made, models=before.models | made.models)


def _versions() -> dict[str, str]:
    return {
        "kilonova": __version__,
        "python": platform.python_version(),
        "xllamacpp": importlib.metadata.version("xllamacpp"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _row(model_id: str, one: "Measured") -> tuple[str, ...]:
    return (
        model_id,
        f"{one.prefill_ns / _MS:.4f}",
        f"{one.decode_ns / _MS:.4f}",
        f"{1000 * one.context_ns / _MS:.4f}",
        f"{one.decode_ns / one.prefill_ns:.1f}",
        f"{one.steps_ns[-1] / _MS:.4f}",
        f"{one.off:.0%}",
        f"{one.spread:.0%}",
    )
