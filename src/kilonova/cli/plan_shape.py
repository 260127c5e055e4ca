"""A model that no table of the planner knows: a config.json, a GGUF file, or a model on offer."""

import json
from pathlib import Path

from kilonova.cli.exits import USAGE, CommandError
from kilonova.cli.run import Run
from kilonova.engines.llamacpp.header import GgufError
from kilonova.offer import plan_offer, shape_of_file, shape_of_model
from kilonova.planner.shape import ModelShape, shape_from_config

__all__ = ["find_shape"]


def find_shape(run: Run, name: str) -> ModelShape | None:
    """None where ``name`` is neither a file nor on offer. Raises CommandError for a wrong file."""
    if name.endswith(".json"):
        return _from_config(Path(name))
    if name.endswith(".gguf"):
        try:
            return shape_of_file(Path(name), name=Path(name).stem)
        except GgufError as error:
            raise CommandError(str(error), code=USAGE) from None
    return shape_of_model(plan_offer(run.settings()), name)


def _from_config(path: Path) -> ModelShape:
    try:
        config = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise CommandError(f"{path} is no JSON document: {error}", code=USAGE) from None
    if not isinstance(config, dict):
        raise CommandError(f"{path} is not a model's config.json.", code=USAGE)
    return shape_from_config(config, name=path.parent.name or str(path), source=str(path))
