"""The models on offer, by id and alias. Fixed once the application has started."""

from collections.abc import Iterable
from pathlib import Path

from kilonova.catalog.entry import read_entry
from kilonova.core.errors import NotFound
from kilonova.core.model import Model

__all__ = ["PACKAGED_WEIGHTS", "Catalog", "packaged_models"]

_HERE = Path(__file__).parent
PACKAGED_WEIGHTS = _HERE / "weights"


def packaged_models() -> tuple[Model, ...]:
    """The models that ship with the product, in order of their file names."""
    return tuple(read_entry(path) for path in sorted((_HERE / "models").glob("*.toml")))


class Catalog:
    """Raises ValueError when two models claim one name."""

    def __init__(self, models: Iterable[Model]) -> None:
        self.models = tuple(models)
        self._by_name: dict[str, Model] = {}
        for model in self.models:
            for name in (model.id, *model.aliases):
                other = self._by_name.setdefault(name, model)
                if other.id != model.id:
                    raise ValueError(f"the name {name!r} belongs to {other.id} and {model.id}")

    def find(self, name: str) -> Model:
        """Raises NotFound with the names that exist."""
        model = self._by_name.get(name)
        if model is None:
            known = ", ".join(model.id for model in self.models)
            raise NotFound(
                f"The model {name[:200]!r} does not exist here. Available: {known}.",
                param="model",
                reason="model_not_found",
            )
        return model
