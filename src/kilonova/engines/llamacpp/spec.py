"""What the parent tells the child: the one file that passes between them."""

from typing import Literal

from msgspec import Struct

__all__ = ["ChildSpec"]


class ChildSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Written to a private file, read and deleted by the child. Token counts are per slot.

    ``folder`` and all below it are filled in when the process is started.
    """

    model_path: str
    parallel: int
    context_tokens: int
    threads: int
    prompt_threads: int
    http_threads: int
    projector_path: str
    makes_embeddings: bool
    has_pooling: bool
    cache_type: Literal["f16", "q8_0"]
    niceness: int
    folder: str = ""
    socket_path: str = ""
    api_key: str = ""
    parent_id: int = 0
