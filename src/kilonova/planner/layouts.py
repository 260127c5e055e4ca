"""How one replica of a model may spread over chips."""

from kilonova.planner.accelerator import Accelerator
from kilonova.planner.columns import Layout
from kilonova.planner.shape import ModelShape

__all__ = ["layouts", "wide_layouts"]

_SIZES = (1, 2, 4, 8, 16, 32, 64)
# Experts dealt over several servers; 32 and 144 chips are DeepSeek's units for reading and writing.
_WIDE = (16, 32, 64, 144)


def layouts(model: ModelShape, chip: Accelerator) -> list[Layout]:
    """How a replica may spread: over 1 to 64 linked chips, attention split or copied, experts split
    or dealt."""
    found = []
    for chips in _SIZES:
        if chips > chip.linked:
            break
        found.append(Layout(chips=chips, tensor=chips))
        if model.experts and chips > 1:
            found.append(Layout(chips=chips, tensor=chips, experts=chips))
            found.append(Layout(chips=chips, tensor=1, experts=chips))
    return found


def wide_layouts(model: ModelShape, chip: Accelerator) -> list[Layout]:
    """Experts dealt to more chips than share a fast link, and attention copied on each."""
    if not model.experts or not chip.network_gb_s:
        return []
    sizes = [chips for chips in _WIDE if chip.linked < chips <= model.experts]
    return [Layout(chips=chips, tensor=1, experts=chips) for chips in sizes]
