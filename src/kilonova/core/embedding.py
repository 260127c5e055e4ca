"""Texts to turn into vectors, and the vectors, in no vendor's words."""

from msgspec import Struct

__all__ = ["EmbeddingAnswer", "EmbeddingRequest"]


class EmbeddingRequest(Struct, frozen=True, kw_only=True):
    """``dimensions`` None: as many as the model makes. Vectors are of length 1 if normalised."""

    model: str
    texts: tuple[str, ...]
    dimensions: int | None = None
    is_normalised: bool = True


class EmbeddingAnswer(Struct, frozen=True, kw_only=True):
    """One vector a text, in order; ``input_tokens`` is what was read over all texts."""

    vectors: tuple[tuple[float, ...], ...]
    input_tokens: int
