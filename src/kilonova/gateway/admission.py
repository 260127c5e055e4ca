"""Admission: reserve the worst case of a request on every level, or refuse it.

The worst case is the counted input plus the most output that may be generated, at the price of
this moment. A caller without ``max_tokens`` gets as much as model, context and budget allow, and
generation physically stops there, so no budget can be overshot.
"""

from collections.abc import Callable

from kilonova.core.chat import ChatRequest
from kilonova.core.clock import Clock
from kilonova.core.errors import BudgetExceeded, ContextTooLong, InvalidRequest
from kilonova.core.identity import Principal
from kilonova.core.model import Model, Price
from kilonova.core.money import TOKENS_PER_PRICE
from kilonova.core.ports import Hold, Ledger
from kilonova.core.usage import UsageRecord
from kilonova.gateway.call import Caller
from kilonova.gateway.levels import Levels
from kilonova.gateway.permit import Permit

__all__ = ["Admission"]


class Admission:
    """Grants permits and takes them back, each exactly once."""

    def __init__(self, ledger: Ledger, clock: Clock, *, on_open: Callable[[int], None]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._levels = Levels(ledger.spent_nano)
        self._open: dict[str, Permit] = {}
        self._on_open = on_open

    @property
    def open_requests(self) -> frozenset[str]:
        """Ids of the permits that are not settled yet."""
        return frozenset(self._open)

    def admit_chat(
        self, caller: Caller, model: Model, request: ChatRequest, *, input_tokens: int
    ) -> Permit:
        """Raises InvalidRequest, ContextTooLong, RateLimited, BudgetExceeded or Overloaded."""
        room = model.context_tokens - input_tokens
        if room < 1:
            raise ContextTooLong(input_tokens=input_tokens, context_tokens=model.context_tokens)
        most = min(room, model.output_tokens_max)
        asked = request.max_output_tokens
        if asked is None:
            most = self._affordable(caller.principal, model.price, request, input_tokens, most)
        elif asked > model.output_tokens_max:
            raise InvalidRequest(
                f"max_tokens is too large: {asked}. This model writes at most "
                f"{model.output_tokens_max} tokens.",
                param="max_tokens",
            )
        else:
            most = min(most, asked)
        output_tokens = most * request.choices
        return self._reserve(caller, model, input_tokens, most, output_tokens)

    def admit_embedding(self, caller: Caller, model: Model, *, input_tokens: int) -> Permit:
        """As ``admit_chat``, for a request without output."""
        return self._reserve(caller, model, input_tokens, 0, 0)

    def settle(self, permit: Permit, record: UsageRecord) -> None:
        """Releases what the permit held. The ledger is told by the meter."""
        del self._open[record.request_id]
        self._on_open(len(self._open))
        self._levels.settle(
            permit.principal.levels,
            held_nano=permit.hold.held_nano,
            price_nano=record.price_nano,
            unused_tokens=max(0, permit.reserved_tokens - record.usage.total_tokens),
        )

    def _affordable(
        self,
        principal: Principal,
        price: Price,
        request: ChatRequest,
        input_tokens: int,
        most: int,
    ) -> int:
        """The output that budget and tokens per minute allow to a request that names no limit."""
        now_s = self._clock.monotonic_s()
        ceiling = self._levels.tokens_per_request_max(principal.levels)
        if ceiling is not None:
            most = min(most, max(1, (ceiling - input_tokens) // request.choices))
        left_nano = self._levels.budget_left_nano(principal.levels, now_s)
        if left_nano is None or price.output == 0:
            return most
        left_nano -= price.worst_case(input_tokens=input_tokens, output_tokens=0)
        affordable = left_nano * TOKENS_PER_PRICE // (price.output * request.choices)
        # Below one token the reservation itself refuses, with both amounts in its message.
        return max(1, min(most, affordable))

    def _reserve(
        self, caller: Caller, model: Model, input_tokens: int, each: int, output_tokens: int
    ) -> Permit:
        principal = caller.principal
        tokens = input_tokens + output_tokens
        held_nano = model.price.worst_case(input_tokens=input_tokens, output_tokens=output_tokens)
        self._refuse_impossible(principal, tokens)
        self._levels.reserve(
            principal.levels,
            tokens=tokens,
            amount_nano=held_nano,
            now_s=self._clock.monotonic_s(),
        )
        hold = _hold(caller, model, input_tokens, held_nano, round(self._clock.now_s() * 1000))
        permit = Permit(
            principal=principal,
            model=model,
            hold=hold,
            max_output_tokens=each,
            reserved_tokens=tokens,
            durable=self._ledger.reserve(hold),
        )
        self._open[hold.request_id] = permit
        self._on_open(len(self._open))
        return permit

    def _refuse_impossible(self, principal: Principal, tokens: int) -> None:
        ceiling = self._levels.tokens_per_request_max(principal.levels)
        if ceiling is not None and tokens > ceiling:
            raise BudgetExceeded(
                f"This request may use up to {tokens} tokens, more than the {ceiling} tokens per "
                "minute that its key, project or organisation is allowed. Ask for fewer output "
                "tokens (max_tokens) or shorten the prompt.",
                reason="tokens_per_minute",
            )


def _hold(caller: Caller, model: Model, input_tokens: int, held_nano: int, now_ms: int) -> Hold:
    principal, price = caller.principal, model.price
    return Hold(
        request_id=caller.call.trace.request_id,
        organisation_id=principal.organisation_id,
        project_id=principal.project_id,
        key_id=principal.key_id,
        model_id=model.id,
        dialect=caller.call.dialect,
        held_nano=held_nano,
        currency=price.currency,
        price_version=price.version,
        price_input=price.input,
        price_cache_read=price.cache_read,
        price_cache_write=price.cache_write,
        price_output=price.output,
        input_tokens=input_tokens,
        started_ms=now_ms,
    )
