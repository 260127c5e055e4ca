"""No member of AWS's requests is dropped in silence."""

from collections.abc import Iterator

import pytest

from kilonova.dialects.bedrock.support import HONOURED, IGNORED, REFUSED
from kilonova.dialects.wire.aws_model import load_service

_MODEL = load_service("bedrock-runtime")
# Shapes that are refused or ignored as a whole are not entered.
_REQUESTS = tuple(
    f"{operation}Request"
    for operation in (
        "Converse",
        "ConverseStream",
        "InvokeModel",
        "InvokeModelWithResponseStream",
        "CountTokens",
        "ApplyGuardrail",
        "InvokeGuardrailChecks",
        "StartAsyncInvoke",
        "GetAsyncInvoke",
        "ListAsyncInvokes",
    )
)


def _reached() -> Iterator[str]:
    """Every structure that an honoured member leads to."""
    seen: set[str] = set()
    waiting = list(_REQUESTS)
    while waiting:
        name = waiting.pop()
        shape = _MODEL.shapes[name]
        waiting += [inner.shape for inner in (shape.member, shape.value) if inner is not None]
        if name in seen or shape.type != "structure" or shape.document or not shape.members:
            continue
        seen.add(name)
        yield name
        waiting += [
            member.shape for key, member in shape.members.items() if key in HONOURED.get(name, ())
        ]


def _fates(shape: str) -> list[str]:
    return [*HONOURED.get(shape, ()), *REFUSED.get(shape, ()), *IGNORED.get(shape, ())]


def test_every_member_has_a_fate() -> None:
    """A new SDK brings new members: each must be honoured, refused by name, or listed."""
    unclassified = [
        f"{shape}.{member}"
        for shape in _reached()
        for member in _MODEL.shapes[shape].members
        if member not in _fates(shape)
    ]
    assert unclassified == []


@pytest.mark.parametrize("shape", sorted({*HONOURED, *REFUSED, *IGNORED}))
def test_no_fate_is_stale_or_double(shape: str) -> None:
    """The lists name only members that exist, and each once."""
    fates = _fates(shape)
    assert set(fates) <= set(_MODEL.shapes[shape].members)
    assert len(fates) == len(set(fates))
