"""Real requests, over the wires that customers use: answered, metered and priced?

One is signed and sent by botocore (which is all of boto3 that touches the wire), one is in the form
of the OpenAI SDK. A customer of its own pays, so that no real bill holds a doctor's request.
"""

from contextlib import ExitStack
from typing import Any

import botocore.config
import botocore.session
import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

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
from kilonova.cli.link import pinned
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
_QUESTION = "Say hello."
_WAIT_S = 120

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
        self._checks = [
            Check("aws wire", lambda: _account(run, model, _converse(note, key, model.id))),
            Check("openai wire", lambda: _account(run, model, _complete(note, key, model.id))),
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


def _converse(note: ServerNote, key: CreatedKey, model_id: str) -> str:
    """The request id of an answered Converse."""
    session = botocore.session.Session()
    client = session.create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=note.url,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        config=botocore.config.Config(
            read_timeout=_WAIT_S, retries={"max_attempts": 1}, proxies={"http": "", "https": ""}
        ),
        verify=note.authority or None,
    )
    if note.certificates and not note.authority:
        client.meta.events.register("before-send.bedrock-runtime", _Pinned(note).send)
    message = {"role": "user", "content": [{"text": _QUESTION}]}
    answer: dict[str, Any] = client.converse(
        modelId=model_id, messages=[message], inferenceConfig={"maxTokens": 16}
    )
    return str(answer["ResponseMetadata"]["HTTPHeaders"]["x-kilonova-request-id"])


class _Pinned:
    """Sends what botocore signed to a server whose certificate is for a name that this machine may
    not be able to resolve: here it is known by its key."""

    def __init__(self, note: ServerNote) -> None:
        self._pool = urllib3.PoolManager(
            ssl_context=pinned(note), assert_hostname=False, timeout=_WAIT_S, retries=False
        )

    def send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        answer = self._pool.request(
            request.method,
            request.url,
            body=request.body,
            headers={name: _text(value) for name, value in request.headers.items()},
            preload_content=False,
        )
        return AWSResponse(request.url, answer.status, answer.headers, answer)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _complete(note: ServerNote, key: CreatedKey, model_id: str) -> str:
    """The request id of an answered chat completion."""
    talk = Talk(note=note, bearer_key=key.bearer_key or "", model=model_id, max_tokens=16)
    for _piece in talk.ask(_QUESTION):
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
    counts = f"{record.input_tokens} tokens in, {record.output_tokens} out"
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
