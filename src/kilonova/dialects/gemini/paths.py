"""The paths of the Gemini API and of Vertex AI, taken apart.

A path names models in one of three ways, and a method after the last colon; a model's own name may
hold colons and slashes.
"""

import re
from urllib.parse import unquote

from msgspec import Struct

__all__ = ["VERSIONS", "Place", "find_place"]

# ``v1`` has other claimants: whoever comes there must show that it is a client of Google's.
VERSIONS = ("v1beta", "v1beta1", "v1alpha")

_PATH = re.compile(
    r"(?:/gemini)?/(?:v1|v1beta|v1beta1|v1alpha)/"
    r"(?:projects/[^/]+/locations/[^/]+/)?"
    r"(?:(?P<plain>models)|publishers/(?P<publisher>[^/]+)/models|(?P<own>tunedModels|endpoints))"
    r"(?:/(?P<rest>.+))?"
)


class Place(Struct, frozen=True):
    """``model`` empty: all of them. ``method`` empty: the model itself.

    ``publisher`` is set in the paths of Vertex AI; ``is_own`` marks models that a caller trained.
    """

    model: str = ""
    method: str = ""
    publisher: str | None = None
    is_own: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What the model may be called in the catalogue, the likeliest first."""
        if self.publisher in (None, "google"):
            return (self.model,)
        return (f"{self.publisher}/{self.model}", f"{self.publisher}.{self.model}", self.model)


def find_place(raw_path: bytes, *, has_method: bool) -> Place | None:
    """None for a path that is not one of these. Only what is posted names a method."""
    match = _PATH.fullmatch(raw_path.decode("latin-1"))
    if match is None:
        return None
    model, method = unquote(match["rest"] or ""), ""
    if has_method:
        model, _, method = model.rpartition(":")
    publisher = unquote(match["publisher"]) if match["publisher"] else None
    # Without a publisher, Vertex AI means the models that a project trained itself.
    is_vertex = b"/projects/" in raw_path or b"/v1beta1/" in raw_path
    is_own = match["own"] is not None or (match["plain"] is not None and is_vertex)
    return Place(model, method, publisher, is_own)
