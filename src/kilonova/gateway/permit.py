"""The right to run one request, with everything that settling it needs."""

from asyncio import Future

from msgspec import Struct

from kilonova.core.identity import Principal
from kilonova.core.model import Model
from kilonova.core.ports import Hold
from kilonova.gateway.levels import Claim
from kilonova.telemetry.trace import Trace

__all__ = ["Permit"]


class Permit(Struct, frozen=True, kw_only=True):
    """``max_output_tokens`` is per choice and physical: the engine stops there.

    ``durable`` is done once the reservation is on disk; no byte of an answer leaves before that.
    ``claim`` is what was taken from its levels. ``trace`` gets the record.
    """

    principal: Principal
    model: Model
    hold: Hold
    max_output_tokens: int
    claim: Claim
    trace: Trace
    durable: "Future[None]"
