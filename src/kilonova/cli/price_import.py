"""``kilonova prices import``: the public list becomes rows of the operator's own list.

The new list is read and checked as a server would before it takes the old one's place, at once;
the old one stays beside it.
"""

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

from msgspec import Struct

from kilonova.billing.prices.desk import assemble, read_list, unknown_models
from kilonova.billing.prices.form import ListForm, SourceForm, bind, parse_list
from kilonova.billing.prices.public_list import (
    CURRENCY,
    Imported,
    PublicList,
    match_names,
    read_public_list,
)
from kilonova.billing.prices.writing import Change, changes, merge, render
from kilonova.catalog.catalog import Catalog
from kilonova.cli.exits import CONFIG, NOT_FOUND, USAGE, CommandError
from kilonova.cli.run import Run
from kilonova.home import write_private
from kilonova.offer import plan_offer
from kilonova.settings import Settings

__all__ = ["Import", "ImportDone", "import_list"]


class Import(Struct, frozen=True, kw_only=True):
    """``chosen`` are the list's names by our ids; with no choice at all, the models here are."""

    file: Path
    chosen: dict[str, str]
    provider: str | None
    since: str | None
    is_costs: bool
    is_dry: bool


class ImportDone(Struct, frozen=True, kw_only=True):
    """``file`` is the list that was written, or would be."""

    file: str
    models: int
    rows: int
    rounded: int
    free: tuple[str, ...]
    left_out: tuple[str, ...]
    unknown: tuple[str, ...]
    changes: tuple[Change, ...]
    is_written: bool

    @property
    def summary(self) -> str:
        lines = [f"rows: {self.rows}, models: {self.models}"]
        if self.rounded:
            lines.append(f"{self.rounded} rates rounded to a nano-unit per million tokens")
        if self.free:
            names = ", ".join(self.free)
            lines.append(
                f"left out, 0 by the list, which may mean unknown: {names}. Give them away"
            )
            lines[-1] += " with free = true in a row"
        lines += [f"left out: {each}" for each in self.left_out]
        if self.unknown:
            lines.append(f"no model here is called so, yet: {', '.join(self.unknown)}")
        lines.append(f"{'written to' if self.is_written else 'nothing written; would go to'} ")
        return "\n".join(lines) + self.file


def import_list(run: Run, wanted: Import) -> ImportDone:
    """Raises CommandError, or PriceError for a list that cannot be used; then nothing changed."""
    _check_day(wanted.since)
    settings = run.settings()
    prices = settings.prices
    if prices.currency != CURRENCY:
        raise CommandError(
            f"The public list is in {CURRENCY} and the books are in {prices.currency}. No rate of "
            "exchange is guessed: write the rows by hand.",
            code=CONFIG,
        )
    catalog = plan_offer(settings).catalog
    content = wanted.file.read_bytes()
    public = read_public_list(content, where=wanted.file.name)
    chosen = _choose(public, wanted, catalog)
    digest = hashlib.sha256(content).hexdigest()
    imported = public.rows(chosen, source=f"list-{digest[:8]}")
    if not imported.rows:
        raise CommandError(
            f"Nothing to import: the list gives 0 for {', '.join(imported.free)}, which may mean "
            "that it does not know. To give a model away write free = true in a row."
        )
    path = run.home.path / (prices.costs if wanted.is_costs else prices.file)
    before = read_list(path, is_asked_for=False)
    standing = None if before is None else parse_list(before, where=path.name)
    form = _merged(standing, imported, wanted, digest=digest)
    written = render(form)
    _check(written, settings, catalog, path=path, is_costs=wanted.is_costs)
    done = ImportDone(
        file=str(path),
        models=len({row.model for row in imported.rows}),
        rows=len(imported.rows),
        rounded=imported.rounded,
        free=imported.free,
        left_out=imported.left_out,
        unknown=() if wanted.is_costs else tuple(unknown_models(form, catalog.models)),
        changes=tuple(changes(standing, form)),
        is_written=not wanted.is_dry,
    )
    if not wanted.is_dry:
        _write(run, path, written, before=before)
    return done


def _check_day(since: str | None) -> None:
    try:
        date.fromisoformat(since or "2026-01-01")
    except ValueError:
        raise CommandError(f"from: {since!r} is no date such as 2026-12-01", code=USAGE) from None


def _choose(public: PublicList, wanted: Import, catalog: Catalog) -> dict[str, str]:
    chosen = dict(wanted.chosen)
    for name in chosen.values():
        if name not in public.entries:
            raise CommandError(f"the list has no model {name!r}{public.hint(name)}", code=NOT_FOUND)
    if wanted.provider is not None:
        theirs = public.of_provider(wanted.provider)
        if not theirs:
            raise CommandError(
                f"The list prices no model of the provider {wanted.provider!r}.", code=NOT_FOUND
            )
        chosen = {**{name: name for name in theirs}, **chosen}
    if not chosen:
        names = [(model.id, (model.engine_model, model.id)) for model in catalog.models]
        chosen = match_names(public, names)
    if not chosen:
        raise CommandError(
            "No model here has a name that the list knows. Say which: --model ID=NAME, or "
            "--provider NAME.",
            code=USAGE,
        )
    return chosen


def _merged(
    standing: ListForm | None, imported: Imported, wanted: Import, *, digest: str
) -> ListForm:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    source = SourceForm(
        name=f"list-{digest[:8]}",
        file=wanted.file.name,
        sha256=digest,
        date=today,
    )
    return merge(standing, imported.rows, source, version=today, since=wanted.since)


def _check(
    written: bytes, settings: Settings, catalog: Catalog, *, path: Path, is_costs: bool
) -> None:
    form = parse_list(written, where=path.name)
    if is_costs:
        bind(form, where=path.name)
        return
    priced = {name for name, entry in settings.models.items() if "price" in entry}
    assemble(form, catalog.models, settings=settings.prices, configured=priced, where=path.name)


def _write(run: Run, path: Path, written: bytes, *, before: bytes | None) -> None:
    if before is not None:
        write_private(path.with_name(f"{path.name}.before"), before)
    write_private(path, written)
    if run.home.server_note() is not None:
        run.ask(lambda plane: plane.reload_prices())
