"""What is kept of an asynchronous invocation, and what AWS's operations say of it. Pure."""

import os
from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import Struct

__all__ = ["Invocation", "Status", "describe", "invocation_arn", "new_invocation_id"]

Status = Literal["InProgress", "Completed", "Failed"]

# There are no accounts of AWS's kind here.
_ACCOUNT = "000000000000"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_RANDOM_DIGITS = 4


class Invocation(Struct, frozen=True, kw_only=True):
    """The head of an item on the shelf; `uri` is the folder of this invocation's output."""

    id: str
    model_arn: str
    uri: str
    status: Status = "InProgress"
    submitted_ms: int
    modified_ms: int
    ended_ms: int | None = None
    token: str | None = None
    failure: str | None = None


def new_invocation_id(now_ms: int) -> str:
    """Twelve characters in AWS's alphabet, in the order of time until the year 2059."""
    number = now_ms * len(_DIGITS) ** _RANDOM_DIGITS
    number += int.from_bytes(os.urandom(8), "big") % len(_DIGITS) ** _RANDOM_DIGITS
    digits = []
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits)).rjust(12, "0")


def invocation_arn(name: str, region: str) -> str:
    """The name by which callers ask for it."""
    return f"arn:aws:bedrock:{region}:{_ACCOUNT}:async-invoke/{name}"


def describe(invocation: Invocation, region: str) -> dict[str, Any]:
    """The members that GetAsyncInvoke and a summary of ListAsyncInvokes share."""
    return {
        "invocationArn": invocation_arn(invocation.id, region),
        "modelArn": invocation.model_arn,
        "clientRequestToken": invocation.token,
        "status": invocation.status,
        "failureMessage": invocation.failure,
        "submitTime": _moment(invocation.submitted_ms),
        "lastModifiedTime": _moment(invocation.modified_ms),
        "endTime": _moment(invocation.ended_ms),
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": invocation.uri}},
    }


def _moment(time_ms: int | None) -> datetime | None:
    return None if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC)
