"""``kilonova models``: what this installation offers, and at which price."""

from typing import Literal

from kilonova.admin.schema import ModelView, PriceView
from kilonova.cli.command import NoOptions, command, group
from kilonova.cli.run import Run
from kilonova.core.money import parse_nano

__all__ = ["app"]

app = group("List the models on offer.")


@command(app)
def list_(run: Run, options: NoOptions) -> None:  # noqa: ARG001 (every command has options)
    """List models with their abilities, context and price per million tokens."""
    models = run.ask(lambda plane: plane.list_models()).data
    if run.output.is_json:
        run.output.document({"data": models})
        return
    heads = ("ID", "ABILITIES", "CONTEXT", "INPUT", "OUTPUT", "ENGINE", "STATE")
    run.output.table(
        heads, [_row(model) for model in models], least=("ABILITIES", "ENGINE", "CONTEXT")
    )


def rate_text(price: PriceView | None, kind: Literal["input", "output"]) -> str:
    """A rate for a cell; ``free`` is said, and so is what nobody can buy."""
    if price is None:
        return "not on sale"
    rate = price.input if kind == "input" else price.output
    is_free = not any(map(parse_nano, (price.input, price.cache_write, price.output)))
    return "free" if is_free else f"{rate} {price.currency}"


def _row(model: ModelView) -> tuple[str, ...]:
    price = model.price
    return (
        model.id,
        ",".join(model.abilities),
        str(model.context_tokens),
        rate_text(price, "input"),
        rate_text(price, "output"),
        model.engine,
        "ready" if model.is_ready else "not ready",
    )
