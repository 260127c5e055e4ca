"""Real requests, over the wires that customers use: answered, metered and priced?

One is signed and sent by botocore (which is all of boto3 that touches the wire), the others are in
the form of their SDKs. A customer of its own pays, so that no real bill holds a doctor's request.
"""

from collections.abc import Callable
from contextlib import ExitStack

from kilonova.admin.plane import ControlPlane
from kilonova.admin.schema import (
    CreatedKey,
    ModelView,
    NewKey,
    NewOrganisation,
    PageQuery,
    RequestQuery,
    RequestView,
)
from kilonova.cli.choice import choose_model
from kilonova.cli.doctor.finding import Check, Verdict
from kilonova.cli.doctor.letters import LETTERS
from kilonova.cli.doctor.signed import converse
from kilonova.cli.pages import every
from kilonova.cli.passkey import passkey
from kilonova.cli.reach import reach
from kilonova.cli.run import Run
from kilonova.cli.talk import Talk
from kilonova.core.model import Price
from kilonova.core.money import format_nano, parse_nano
from kilonova.core.usage import Usage
from kilonova.home import ServerNote

__all__ = ["PAYER", "Visit"]

PAYER = "kilonova-doctor"

_Result = tuple[Verdict, str, str]


class Visit:
    """A server, and a key to it; what it borrows, ``stack`` gives back."""

    def __init__(self, run: Run, stack: ExitStack) -> None:
        self._run = run
        self._stack = stack
        self._checks: list[Check] = []

    def begin(self) -> _Result:
        """Finds or starts a server. Raises what prevents it."""
        run = self._run
        note = self._stack.enter_context(reach(run))
        key = self._stack.enter_context(passkey(run, run.ask(_ensure_payer)))
        model = choose_model(run)

        def check(wire: str, ask: Callable[[ServerNote, CreatedKey, str], str]) -> Check:
            return Check(f"{wire} wire", lambda: _account(run, model, ask(note, key, model.id)))

        self._checks = [
            check("aws", converse),
            check("openai", _complete),
            *(check(letter.wire, letter.post) for letter in LETTERS),
        ]
        return "OK", f"{note.url} is ready", ""

    def checks(self) -> list[Check]:
        """One request a wire; none where ``begin`` failed."""
        return self._checks


async def _ensure_payer(plane: ControlPlane) -> NewKey:
    """The wish for a key of the doctor's own organisation, which is made when it is missing."""
    known = await every(plane.list_organisations, PageQuery())
    if all(organisation.name != PAYER for organisation in known):
        await plane.create_organisation(NewOrganisation(name=PAYER))
    return NewKey(organisation=PAYER, kind="both", name="kilonova doctor")


def _complete(note: ServerNote, key: CreatedKey, model_id: str) -> str:
    """The request id of an answered chat completion."""
    talk = Talk(note=note, bearer_key=key.bearer_key or "", model=model_id, max_tokens=16)
    for _piece in talk.ask("Say hello."):
        pass
    return talk.turn.request_id


def _account(run: Run, model: ModelView, request_id: str) -> _Result:
    """Is the request in the ledger, with tokens, at today's price?"""
    query = RequestQuery(after=request_id[:-1], limit=1)
    found = run.ask(lambda plane: plane.list_requests(query)).data
    fix = "This is a fault of Kilonova: please report it with the request id."
    if not found or found[0].id != request_id:
        return "FAIL", f"{request_id} was answered and is not in the ledger", fix
    record = found[0]
    if not record.input_tokens + record.cache_read_tokens or not record.output_tokens:
        return "FAIL", f"{request_id} was answered without tokens being metered", fix
    price = _price(model)
    if price is None:
        return "WARN", f"{model.id} is not on sale by the price list", "kilonova prices show"
    expected = format_nano(price.charge(_usage(record)))
    if record.price != expected:
        return "FAIL", f"{request_id} costs {record.price}, its tokens {expected}", fix
    read = record.input_tokens + record.cache_read_tokens
    counts = f"{read} tokens in ({record.cache_read_tokens} cached), {record.output_tokens} out"
    return "OK", f"{model.id}: {counts}, {record.price} {record.currency}", ""


def _price(model: ModelView) -> Price | None:
    price = model.price
    if price is None:
        return None
    long, reasoning = price.cache_write_long, price.reasoning
    return Price(
        currency=price.currency,
        input=parse_nano(price.input),
        cache_read=parse_nano(price.cache_read),
        cache_write=parse_nano(price.cache_write),
        cache_write_long=None if long is None else parse_nano(long),
        output=parse_nano(price.output),
        reasoning=None if reasoning is None else parse_nano(reasoning),
        version=price.version,
    )


def _usage(record: RequestView) -> Usage:
    return Usage(
        input_tokens=record.input_tokens,
        cache_read_tokens=record.cache_read_tokens,
        cache_write_tokens=record.cache_write_tokens,
        output_tokens=record.output_tokens,
        reasoning_tokens=record.reasoning_tokens,
    )
