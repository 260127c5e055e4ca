"""The support matrix of docs/clients.md, read from the marks of the tests that show it.

``@pytest.mark.supports("whole, stream", "boto3 Converse")`` says that the test shows these features
for these operations, each an SDK's own. ``how`` is ``honoured``, or ``ignored`` (the answer lists
it in ``x-kilonova-ignored``), or ``refused`` (by name). A test that may not run shows nothing.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

__all__ = ["BEGIN", "END", "Claim", "claims", "table"]

BEGIN, END = "<!-- support: written by the tests -->", "<!-- support: end -->"
FEATURES = (
    "whole", "stream", "forced tool", "tool loop", "JSON", "reasoning", "image", "usage", "cancel",
    "errors", "hints", "refusals",
)  # fmt: skip
_WORDS = {"honoured": "yes", "ignored": "listed", "refused": "refused"}
_OUT = ("skip", "skipif", "xfail")
_TESTS = Path(__file__).parent


class Claim(Struct, frozen=True):
    """``test`` is where it stands, as pytest names it."""

    operation: str
    feature: str
    how: str
    test: str


def claims() -> list[Claim]:
    """All that the tests claim. Raises ValueError for a mark that is not understood."""
    return [claim for path in sorted(_TESTS.rglob("test_*.py")) for claim in _claims_of(path)]


def _claims_of(path: Path) -> Iterator[Claim]:
    text = path.read_text()
    if "mark.supports" not in text:
        return
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        marks = [one for one in node.decorator_list if isinstance(one, ast.Call)]
        where = f"{path.relative_to(_TESTS)}::{node.name}"
        for mark in marks:
            if _name(mark) == "supports":
                if any(_name(other) in _OUT for other in node.decorator_list):
                    raise ValueError(f"{where} may be skipped, and shows nothing")
                yield from _read(mark, where)


def _name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else ""


def _read(mark: ast.Call, where: str) -> Iterator[Claim]:
    features, *operations = [str(ast.literal_eval(argument)) for argument in mark.args]
    how = next((str(ast.literal_eval(word.value)) for word in mark.keywords), "honoured")
    for feature in features.split(", "):
        if feature not in FEATURES or how not in _WORDS or not operations:
            raise ValueError(f"{where}: {feature!r}, {how!r} is not understood")
        for operation in operations:
            yield Claim(operation, feature, how, where)


def table(found: list[Claim]) -> str:
    """Markdown: a row an operation, sorted by SDK, and a column a feature."""
    rows = [f"| | {' | '.join(FEATURES)} |", f"|---|{'---|' * len(FEATURES)}"]
    for operation in sorted({claim.operation for claim in found}, key=str.lower):
        cells = [_cell(found, operation, feature) for feature in FEATURES]
        sdk, _, call = operation.partition(" ")
        while call.startswith(("(JS)", "SDK")):
            more, _, call = call.partition(" ")
            sdk = f"{sdk} {more}"
        rows.append(f"| `{sdk}` {call} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cell(found: list[Claim], operation: str, feature: str) -> str:
    hows = {one.how for one in found if (one.operation, one.feature) == (operation, feature)}
    return ", ".join(word for how, word in _WORDS.items() if how in hows)
