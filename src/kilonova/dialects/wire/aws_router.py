"""From method and raw path to an AWS operation.

The path is split before it is decoded, so that an ARN with `%2F` stays one label. A trailing slash
is part of the address: `POST /agents/{id}` and `POST /agents/{id}/` are different operations.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from msgspec import Struct

from kilonova.dialects.wire.aws_model import Operation

__all__ = ["Match", "Router"]


class Match(Struct, frozen=True):
    """The operation found, and its labels, decoded."""

    operation: Operation
    labels: Mapping[str, str]


class _Node:
    """A place in the tree of paths."""

    __slots__ = ("label", "literals", "operations")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.label: _Node | None = None
        # By method, with the name and the place of each label.
        self.operations: dict[str, tuple[Operation, tuple[tuple[str, int], ...]]] = {}


class Router:
    """A tree over the operations of some services; the first to claim an address keeps it."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Node()
        for operation in operations:
            self._add(operation)

    def find(self, method: str, raw_path: str) -> Match | None:
        """The operation at this address, or None."""
        segments = [unquote(part) if "%" in part else part for part in raw_path.split("/")[1:]]
        node = _descend(self._root, segments, 0)
        if node is None or method not in node.operations:
            return None
        operation, labels = node.operations[method]
        return Match(operation, {name: segments[place] for name, place in labels})

    def _add(self, operation: Operation) -> None:
        node, labels = self._root, []
        for place, part in enumerate(operation.uri.split("/")[1:]):
            if part.startswith("{"):
                labels.append((part[1:-1], place))
                node.label = node.label or _Node()
                node = node.label
            else:
                node = node.literals.setdefault(part, _Node())
        node.operations.setdefault(operation.method, (operation, tuple(labels)))


def _descend(node: _Node, segments: list[str], depth: int) -> _Node | None:
    if depth == len(segments):
        return node if node.operations else None
    segment = segments[depth]
    literal = node.literals.get(segment)
    found = _descend(literal, segments, depth + 1) if literal else None
    # A label is never empty: that is what tells `/agents/` from `/agents/{id}`.
    if found is None and node.label is not None and segment:
        found = _descend(node.label, segments, depth + 1)
    return found
