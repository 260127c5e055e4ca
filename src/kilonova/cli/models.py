"""``kilonova models``: what this installation offers, and at which price."""

from kilonova.admin.schema import ModelView
from kilonova.cli.command import NoOptions, command, group
from kilonova.cli.run import Run

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
    run.output.table(heads, [_row(model) for model in models])


def _row(model: ModelView) -> tuple[str, ...]:
    price = model.price
    return (
        model.id,
        ",".join(model.abilities),
        str(model.context_tokens),
        f"{price.input} {price.currency}",
        f"{price.output} {price.currency}",
        model.engine,
        "ready" if model.is_ready else "not ready",
    )
