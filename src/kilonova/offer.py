"""What this installation offers: the engines of its configuration and the models they run."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from kilonova.billing.prices.desk import PriceDesk
from kilonova.catalog.catalog import PACKAGED_WEIGHTS, Catalog, packaged_models
from kilonova.catalog.entry import parse_entry
from kilonova.core.errors import NotFound
from kilonova.core.model import PLATFORM, Model, Price
from kilonova.engines import KINDS
from kilonova.engines.llamacpp.header import GgufError, ModelHeader, read_header
from kilonova.engines.llamacpp.thoughts import controls_of
from kilonova.guardrails.configured import plan_guardrails
from kilonova.guardrails.policy import Guardrail
from kilonova.planner.gguf import shape_from_gguf
from kilonova.planner.shape import ModelShape
from kilonova.settings import Settings, SettingsError

__all__ = ["EnginePlan", "Offer", "open_prices", "plan_offer", "shape_of_file", "shape_of_model"]

_LOCAL = "llamacpp"
# The engine of a file that the command line names.
_FILE = "file"
# The engines that exist without a line of configuration.
_PACKAGED: dict[str, dict[str, Any]] = {
    "spark": {
        "kind": _LOCAL,
        "model": str(PACKAGED_WEIGHTS / "spark-v1.gguf"),
        # So small a model may not find the end of a text or a list by itself.
        "text_chars_max": 200,
        "items_max": 8,
    },
    "embed": {"kind": "static", "model": str(PACKAGED_WEIGHTS / "embed-v1.safetensors")},
    "echo": {"kind": "echo"},
}


class EnginePlan(Struct, frozen=True):
    """One engine to open, with the options of its kind."""

    name: str
    kind: str
    options: dict[str, Any]


class Offer(Struct, frozen=True):
    engines: tuple[EnginePlan, ...]
    catalog: Catalog
    guardrails: Mapping[str, Guardrail]


def plan_offer(settings: Settings, model_file: Path | None = None) -> Offer:
    """Raises SettingsError when an engine, a model file, a model entry or a guardrail is wrong.

    ``model_file`` is served beside what the configuration names, under the engine ``file``.
    """
    written = dict(settings.engines)
    if model_file is not None:
        written[_FILE] = {"kind": _LOCAL, "model": str(model_file)}
    plans = tuple(_plan(name, entry) for name, entry in _merged(written).items())
    entries = [
        _configured(model_id, entry, settings.prices.currency)
        for model_id, entry in settings.models.items()
    ]
    names = {PLATFORM, *(plan.name for plan in plans)}
    _check_engines(entries, names)
    served = {model.engine for model in entries}
    packaged = [
        model
        for model in packaged_models()
        if model.engine in names and model.id not in settings.models
    ]
    served |= {model.engine for model in packaged}
    local = [
        _local_model(plan, _given_away(plan, model_file))
        for plan in plans
        if plan.kind == _LOCAL and plan.name not in served
    ]
    # The scripted engine comes last: whoever takes the first model gets a real one that chats.
    scripted = {plan.name for plan in plans if plan.kind == "echo"}
    models = sorted(
        [*packaged, *entries, *local],
        key=lambda model: (model.engine in scripted, not model.can("chat")),
    )
    try:
        catalog = Catalog(_named(models, settings.aliases))
    except ValueError as error:
        raise SettingsError(f"models: {error}") from None
    return Offer(plans, catalog, plan_guardrails(settings.guardrails))


def open_prices(settings: Settings, catalog: Catalog, home: Path) -> PriceDesk:
    """The price book of an offer. Raises PriceError when some of it cannot be sold as it is."""
    priced = {name for name, entry in settings.models.items() if "price" in entry}
    return PriceDesk(settings.prices, catalog.models, home=home, configured=priced)


def shape_of_model(offer: Offer, name: str) -> ModelShape | None:
    """What the planner has to know of a model on offer, from its file; None without such a file.

    Raises InvalidRequest for a file from which no plan can be made.
    """
    try:
        model = offer.catalog.find(name)
    except NotFound:
        return None
    for plan in offer.engines:
        if plan.name == model.engine and plan.kind == _LOCAL:
            return shape_of_file(Path(str(plan.options["model"])), name=model.id)
    return None


def shape_of_file(path: Path, *, name: str) -> ModelShape:
    """The same of a GGUF file. Raises GgufError and InvalidRequest."""
    header = read_header(path)
    return shape_from_gguf(header.sizes, name=name, source=f"header of {path.name}")


def _named(models: list[Model], aliases: Mapping[str, str]) -> list[Model]:
    """The models, with the configured aliases among their own."""
    catalog = Catalog(models)
    names: dict[str, list[str]] = {}
    for alias, name in aliases.items():
        try:
            names.setdefault(catalog.find(name).id, []).append(alias)
        except NotFound as error:
            raise SettingsError(f'aliases."{alias}": {error.message}') from None
    return [replace(model, aliases=(*model.aliases, *names.get(model.id, ()))) for model in models]


def _merged(written: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Packaged engines with the written changes, then the written ones; disabled ones left out."""
    merged = {name: {**entry, **written.get(name, {})} for name, entry in _PACKAGED.items()}
    merged.update({name: entry for name, entry in written.items() if name not in _PACKAGED})
    return {name: entry for name, entry in merged.items() if entry.get("enabled", True)}


def _plan(name: str, entry: dict[str, Any]) -> EnginePlan:
    if "kind" not in entry:
        raise SettingsError(f"engines.{name}.kind: missing; choose one of {', '.join(KINDS)}")
    options = {key: value for key, value in entry.items() if key not in ("kind", "enabled")}
    return EnginePlan(name, str(entry["kind"]), options)


def _configured(model_id: str, entry: dict[str, Any], currency: str) -> Model:
    where = f'models."{model_id}"'
    try:
        return parse_entry({"id": model_id, **entry}, where=where, currency=currency)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _check_engines(entries: list[Model], names: set[str]) -> None:
    for model in entries:
        if model.engine not in names:
            known = ", ".join(sorted(names)) or "none"
            raise SettingsError(
                f'models."{model.id}".engine: there is no engine {model.engine!r}; known: {known}'
            )


def _given_away(plan: EnginePlan, model_file: Path | None) -> Price | None:
    """Whoever names a file on the command line tries it out: free, and the banner says so."""
    return Price() if model_file is not None and plan.name == _FILE else None


def _local_model(plan: EnginePlan, price: Price | None) -> Model:
    """The catalogue entry that a model file needs, read from its header."""
    path = Path(str(plan.options.get("model", "")))
    try:
        header = read_header(path)
    except GgufError as error:
        raise SettingsError(f"engines.{plan.name}.model: {error}") from None
    slug = re.sub(r"[^a-z0-9.-]+", "-", path.stem.lower()).strip("-.") or "model"
    context = header.served_context(int(plan.options.get("context_tokens") or 0))
    return Model(
        id=f"local.{slug}",
        name=(header.name or path.stem)[:80],
        provider="local",
        engine=plan.name,
        aliases=tuple(dict.fromkeys(name for name in (slug, path.stem) if name)),
        abilities=_abilities(header, can_see=bool(plan.options.get("projector"))),
        thinking_controls=controls_of(header.chat_template),
        native_body="text-embeddings" if header.makes_embeddings else "chat-completions",
        context_tokens=context,
        output_tokens_max=context,
        price=price,
        description=f"{header.architecture} model with {header.parameters:,} parameters",
    )


def _abilities(header: ModelHeader, *, can_see: bool) -> tuple[Any, ...]:
    if header.makes_embeddings:
        return ("embeddings",)
    thinks = ("reasoning",) if controls_of(header.chat_template) else ()
    sees = ("vision",) if can_see else ()
    return ("chat", "tools", "json", "logprobs", "completion", "prefill", *thinks, *sees)
