"""Pairs as numbers of pieces, packed into flat arrays."""

import hashlib
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings.pairs import KINDS, Pair, document_pairs, intent_pairs, page_pairs
from embeddings.recipe import Recipe
from kilonova.engines.static.pieces import Pieces

__all__ = ["build_dataset"]


def build_dataset(folder: Path, recipe: Recipe, *, pieces: list[str], to: Path) -> dict[str, Any]:
    """Writes ``pairs.npz``; returns counts and the digest of what was written."""
    splitter = Pieces(pieces)
    packs = {kind: _Pack() for kind in KINDS}
    sources: tuple[Iterable[Pair], ...] = (
        document_pairs(folder, recipe),
        page_pairs(folder, recipe),
        intent_pairs(folder, recipe),
    )
    for source in sources:
        for pair in source:
            packs[pair.kind].add(
                splitter.split(pair.query)[: recipe.fit.query_pieces],
                splitter.split(pair.passage)[: recipe.fit.passage_pieces],
                group=pair.group,
            )
    arrays = {f"{kind}.{name}": one for kind in packs for name, one in packs[kind].arrays().items()}
    np.savez(to, allow_pickle=False, **arrays)
    digest = hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays)))
    return {
        "pairs": {kind: len(pack.groups) for kind, pack in packs.items()},
        "pieces": sum(int(pack.arrays()["passages"].size) for pack in packs.values()),
        "sha256": digest.hexdigest(),
    }


class _Pack:
    """Rows of different lengths in one array, and where each ends."""

    def __init__(self) -> None:
        self.queries = array("H")
        self.passages = array("H")
        self.query_ends = array("q")
        self.passage_ends = array("q")
        self.groups = array("i")

    def add(self, query: list[int], passage: list[int], *, group: int) -> None:
        self.queries.extend(query)
        self.passages.extend(passage)
        self.query_ends.append(len(self.queries))
        self.passage_ends.append(len(self.passages))
        self.groups.append(group)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "queries": np.array(self.queries, np.uint16),
            "passages": np.array(self.passages, np.uint16),
            "query_ends": np.array(self.query_ends, np.int64),
            "passage_ends": np.array(self.passage_ends, np.int64),
            "groups": np.array(self.groups, np.int32),
        }
