"""Which model a command talks to: the one that is named, or the first that is worth talking to."""

import time

from kilonova.admin.schema import ModelView
from kilonova.cli.exits import NOT_FOUND, UNREACHABLE, CommandError
from kilonova.cli.run import Run

__all__ = ["choose_model"]

# It repeats what it is told, so it is chosen only where nothing else is offered.
_TEST_ENGINE = "echo"
_READY_S = 60.0


def choose_model(run: Run, name: str | None = None) -> ModelView:
    """Waits until its engine is ready: a server answers before all of its models do."""
    deadline_s = time.monotonic() + _READY_S
    while True:
        models = run.ask(lambda plane: plane.list_models()).data
        model = _first(models) if name is None else _named(models, name)
        if model.is_ready:
            run.output.progress("")
            return model
        if time.monotonic() > deadline_s:
            raise CommandError(
                f"{model.id} did not become ready within {_READY_S:.0f} seconds. Look at the "
                "server's log, or name another model: kilonova models list",
                code=UNREACHABLE,
            )
        run.output.progress(f"Waiting for {model.id} …")
        time.sleep(0.1)


def _first(models: tuple[ModelView, ...]) -> ModelView:
    chatting = [model for model in models if "chat" in model.abilities]
    if not chatting:
        raise CommandError("No model here can chat. See: kilonova models list", code=NOT_FOUND)
    return min(chatting, key=lambda model: model.engine == _TEST_ENGINE)


def _named(models: tuple[ModelView, ...], name: str) -> ModelView:
    for model in models:
        if name == model.id or name in model.aliases:
            return model
    known = ", ".join(model.id for model in models)
    raise CommandError(f"There is no model {name!r} here. Available: {known}.", code=NOT_FOUND)
