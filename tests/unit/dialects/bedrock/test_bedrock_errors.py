"""The table of errors against the tree of errors and against AWS's description."""

import pytest

from kilonova.core.errors import LEAVES, ContextTooLong, EngineTimeout, KilonovaError, RateLimited
from kilonova.dialects.bedrock.errors import TABLE, error_response, stream_error
from kilonova.dialects.wire.aws_model import load_service
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Request

_RUNTIME = load_service("bedrock-runtime")
# An error of AWS's front door, which no service's description names.
_FRONT_DOOR = {"UnrecognizedClientException"}


def _error(leaf: type[KilonovaError]) -> KilonovaError:
    if leaf is ContextTooLong:
        return ContextTooLong(input_tokens=9, context_tokens=8)
    return leaf("Do something else.")


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_error_has_a_row_that_aws_knows(leaf: type[KilonovaError]) -> None:
    """A name and status that SDKs map to a class, and a member that ends a stream."""
    row = TABLE[leaf]
    if row.name not in _FRONT_DOOR:
        assert _RUNTIME.shapes[row.name].error.http_status_code == row.status
    for operation in ("ConverseStream", "InvokeModelWithResponseStream"):
        stream = _RUNTIME.operations[operation].stream
        assert stream is not None
        assert row.member in stream.members
    request = Request(method="POST", raw_path=b"/", query=b"", headers=[], trace=Trace())
    assert error_response(_error(leaf), request).status == row.status
    assert row.member.encode() in stream_error(_error(leaf))


def test_a_wait_is_told_in_milliseconds() -> None:
    """boto3's standard retries honour it."""
    request = Request(method="POST", raw_path=b"/", query=b"", headers=[], trace=Trace())
    response = error_response(RateLimited("Wait.", retry_after_s=1.5), request)
    assert (b"x-amz-retry-after", b"1500") in response.headers


def test_only_the_native_stream_knows_a_timeout_by_name() -> None:
    """ConverseStream has no such member, and SDKs refuse one that they do not know."""
    assert b"modelTimeoutException" in stream_error(EngineTimeout("Late."), is_native=True)
    assert b"modelStreamErrorException" in stream_error(EngineTimeout("Late."))
