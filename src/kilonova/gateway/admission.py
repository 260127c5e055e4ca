"""Admission: reserve the worst case of a request on every level, or refuse it.

The worst case is the counted input plus the most output that may be generated, at the price of
this moment. A caller without ``max_tokens`` gets as much as model, context and budget allow, and
generation physically stops there, so no budget can be overshot.
"""

from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from kilonova.core.budgets import Alert, BudgetStanding
from kilonova.core.chat import ChatRequest
from kilonova.core.clock import Clock
from kilonova.core.errors import BudgetExceeded, ContextTooLong, InvalidRequest
from kilonova.core.identity import Level, Principal
from kilonova.core.model import Model
from kilonova.core.ports import Hold, Ledger, PriceBook, Purchase, Quote
from kilonova.core.usage import UsageRecord
from kilonova.gateway.call import Caller
from kilonova.gateway.levels import Claim, Levels
from kilonova.gateway.permit import Permit

__all__ = ["Admission"]


class Admission:
    """Grants permits and takes them back, each exactly once."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        *,
        prices: PriceBook,
        on_alert: Callable[[Alert], None] | None = None,
    ) -> None:
        self._ledger = ledger
        self._prices = prices
        self._clock = clock
        self._levels = Levels(ledger, on_alert)
        self._open: dict[str, Permit] = {}

    @property
    def open_count(self) -> int:
        """How many permits are not settled yet."""
        return len(self._open)

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
        asked, most = request.max_output_tokens, min(room, model.output_tokens_max)
        if asked is not None and asked > model.output_tokens_max:
            raise InvalidRequest(
                f"max_tokens is too large: {asked}. This model writes at most "
                f"{model.output_tokens_max} tokens.",
                param="max_tokens",
            )
        size = _Size(input_tokens, min(most, asked or most), request.choices)
        sale = self._sale(caller, model, input_tokens=input_tokens, tier=request.service_tier)
        if asked is None:
            size = self._affordable(caller.principal, sale, size)
        return self._reserve(caller, sale, size)

    def admit_whole(self, caller: Caller, model: Model, *, input_tokens: int) -> Permit:
        """As ``admit_chat``, for a request without output."""
        sale = self._sale(caller, model, input_tokens=input_tokens)
        return self._reserve(caller, sale, _Size(input_tokens, 0, 1))

    def budget_left_nano(self, principal: Principal) -> int | None:
        """The money that this caller may still spend now; None where no budget refuses."""
        return self._left_nano(principal, round(self._clock.now_s() * 1000))

    def standing(self, level: Level) -> tuple[BudgetStanding, ...]:
        """How the budgets of a key, project or organisation stand now."""
        return self._levels.standing(
            level, at_ms=round(self._clock.now_s() * 1000), now_s=self._clock.monotonic_s()
        )

    def standings(self) -> Iterator[tuple[str, BudgetStanding]]:
        """Every budget of the levels that were seen, with the level's id."""
        return self._levels.standings(round(self._clock.now_s() * 1000))

    def settle(self, permit: Permit, record: UsageRecord) -> None:
        """Turns the reservation into spending. The ledger is told by the meter."""
        self._close(permit, price_nano=record.price_nano, used_tokens=record.usage.total_tokens)

    def release(self, permit: Permit) -> None:
        """Gives everything back: the ledger refused the reservation, and nothing was delivered."""
        self._close(permit, price_nano=0, used_tokens=0)

    def _close(self, permit: Permit, *, price_nano: int, used_tokens: int) -> None:
        del self._open[permit.hold.request_id]
        self._levels.settle(
            permit.claim,
            price_nano=price_nano,
            used_tokens=used_tokens,
            at_ms=round(self._clock.now_s() * 1000),
        )

    def _left_nano(self, principal: Principal, at_ms: int) -> int | None:
        now_s = self._clock.monotonic_s()
        return self._levels.budget_left_nano(principal.levels, at_ms=at_ms, now_s=now_s)

    def _affordable(self, principal: Principal, sale: "_Sale", size: "_Size") -> "_Size":
        """What budget and tokens per minute allow to a request that names no limit of its own.

        At least one token: below that the reservation refuses, with both amounts in its message.
        """
        ceiling = self._levels.tokens_per_request_max(principal.levels)
        if ceiling is not None:
            each = (ceiling - size.input_tokens) // size.choices
            size = size.cut(each, limited_by="tokens_per_minute")
        price, left_nano = sale.quote.price, self._left_nano(principal, sale.started_ms)
        if left_nano is not None and price.has_paid_output:
            left_nano -= price.worst_case(input_tokens=size.input_tokens, output_tokens=0)
            each = price.affordable_output(left_nano) // size.choices
            size = size.cut(each, limited_by="budget")
        return size

    def _sale(
        self, caller: Caller, model: Model, *, input_tokens: int, tier: str = "default"
    ) -> "_Sale":
        """The price of this moment, which the request keeps to its end."""
        started_ms = round(self._clock.now_s() * 1000)
        purchase = Purchase(
            model=model,
            organisation_id=caller.principal.organisation_id,
            service_tier=tier,
            input_tokens=input_tokens,
            at_ms=started_ms,
        )
        return _Sale(model, self._prices.quote(purchase), started_ms)

    def _reserve(self, caller: Caller, sale: "_Sale", size: "_Size") -> Permit:
        principal = caller.principal
        held_nano = sale.quote.price.worst_case(
            input_tokens=size.input_tokens, output_tokens=size.output_tokens
        )
        self._refuse_impossible(principal, size.tokens)
        now_s, trace = self._clock.monotonic_s(), caller.call.trace
        claim = Claim(principal.levels, size.tokens, held_nano, sale.started_ms)
        try:
            self._levels.reserve(claim, now_s=now_s)
        finally:
            trace.requests_rate, trace.tokens_rate = self._levels.rates(
                principal.levels, at_ms=sale.started_ms, now_s=now_s
            )
        trace.limited_by = size.limited_by
        trace.service_tier = sale.quote.service_tier
        hold = _hold(caller, sale, held_nano=held_nano, input_tokens=size.input_tokens)
        permit = Permit(
            principal=principal,
            model=sale.model,
            hold=hold,
            max_output_tokens=size.output_tokens_each,
            claim=claim,
            trace=trace,
            durable=self._ledger.reserve(hold),
        )
        self._open[hold.request_id] = permit
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


class _Size(Struct, frozen=True):
    """The most that a request may use: its input, and its output for each of its choices.

    ``limited_by`` names what cut the output of a request that set no limit of its own.
    """

    input_tokens: int
    output_tokens_each: int
    choices: int
    limited_by: str = ""

    def cut(self, output_tokens_each: int, *, limited_by: str) -> "_Size":
        if output_tokens_each >= self.output_tokens_each:
            return self
        each = max(1, output_tokens_each)
        return replace(self, output_tokens_each=each, limited_by=limited_by)

    @property
    def output_tokens(self) -> int:
        return self.output_tokens_each * self.choices

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class _Sale(Struct, frozen=True):
    model: Model
    quote: Quote
    started_ms: int


def _hold(caller: Caller, sale: _Sale, *, held_nano: int, input_tokens: int) -> Hold:
    principal, model = caller.principal, sale.model
    return Hold(
        request_id=caller.call.trace.request_id,
        organisation_id=principal.organisation_id,
        project_id=principal.project_id,
        key_id=principal.key_id,
        model_id=model.id,
        dialect=caller.call.dialect,
        held_nano=held_nano,
        price=sale.quote.price,
        input_tokens=input_tokens,
        started_ms=sale.started_ms,
        engine=model.engine,
        service_tier=sale.quote.service_tier,
    )
