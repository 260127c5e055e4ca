"""The operations StartAsyncInvoke, GetAsyncInvoke and ListAsyncInvokes."""

import re
import time
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from kilonova.core.errors import InvalidRequest
from kilonova.core.shelf import Drawer, Shelf
from kilonova.dialects.bedrock.async_jobs import AsyncJobs, Job, drawer_of
from kilonova.dialects.bedrock.async_record import (
    Invocation,
    describe,
    invocation_arn,
    new_invocation_id,
)
from kilonova.dialects.bedrock.credentials import call, region
from kilonova.dialects.bedrock.families import Families
from kilonova.dialects.bedrock.headers import plain_headers
from kilonova.dialects.bedrock.identifiers import arn, resolve_model
from kilonova.dialects.bedrock.support import IGNORED, REFUSED
from kilonova.dialects.wire.aws_model import Operation, WireResponse
from kilonova.dialects.wire.aws_request import WireRequest
from kilonova.dialects.wire.structure import check_structure
from kilonova.gateway.gateway import Gateway
from kilonova.web.endpoint import Answer
from kilonova.web.message import Header, Request, Response

__all__ = ["AsyncInvokeHandlers"]

_PAGE = 100
_READ_AT_ONCE, _READS_MAX = 200, 6
_TOKEN = re.compile(r"[a-z0-9]{12}")


class AsyncInvokeHandlers:
    """Handlers, each for one operation of AWS's description."""

    def __init__(
        self,
        gateway: Gateway,
        operations: Mapping[str, Operation],
        *,
        families: Families,
        shelf: Shelf,
        jobs: AsyncJobs,
    ) -> None:
        self._gateway = gateway
        self._families = families
        self._shelf = shelf
        self._jobs = jobs
        self._start = operations["StartAsyncInvoke"]
        self._get = operations["GetAsyncInvoke"]
        self._list = operations["ListAsyncInvokes"]

    async def start(self, request: Request) -> Answer:
        """Accepted, and kept, before the answer goes out; the model is asked later."""
        caller = self._gateway.authorise(call(request))
        check_structure(request.body)
        wanted: dict[str, Any] = self._start.parse(WireRequest({}, "", {}, request.body))
        uri, ignored = _output(wanted)
        model = resolve_model(self._gateway, wanted["modelId"])
        request.trace.model_id = model.id
        body = msgspec.json.encode(wanted["modelInput"])
        if self._families.makes_vectors(model):
            self._families.decode_embedding(body, model)
        else:
            self._families.decode(body, model, streams=False)
        now_ms = time.time_ns() // 1_000_000
        name = new_invocation_id(now_ms)
        invocation = Invocation(
            id=name,
            model_arn=arn(model, region(request)),
            uri=f"{uri.removesuffix('/')}/{name}",
            submitted_ms=now_ms,
            modified_ms=now_ms,
            token=wanted.get("clientRequestToken"),
        )
        # The job outlives the request: it has an id of its own, and its retries are its token's.
        job = Job(caller.beside(f"/async-invoke/{name}"), model, body, invocation)
        fingerprint = sha256(b"\n".join([model.id.encode(), uri.encode(), body])).digest()
        started = await self._jobs.start(job, fingerprint)
        where = invocation_arn(started.id, region(request))
        return _answer(request, self._start.respond({"invocationArn": where}), ignored)

    async def get(self, request: Request) -> Answer:
        """One invocation of the caller's project."""
        caller = self._gateway.authorise(call(request))
        wanted = self._get.parse(WireRequest({"invocationArn": request.captures[0]}, "", {}, b""))
        name = str(wanted["invocationArn"]).rpartition("/")[2]
        item = self._shelf.look(drawer_of(caller), name)
        if item is None:
            # AWS's operation has no ResourceNotFoundException.
            raise InvalidRequest(
                f"There is no asynchronous invocation {name} in this project.",
                param="invocationArn",
            )
        found = describe(self._jobs.read(item), region(request))
        return _answer(request, self._get.respond(found))

    async def list_all(self, request: Request) -> Answer:
        """Those of the caller's project that fit the filters, by the time they were submitted."""
        caller = self._gateway.authorise(call(request))
        query = request.query.decode("latin-1")
        wanted: dict[str, Any] = self._list.parse(WireRequest({}, query, {}, b""))
        found, behind = self._found(drawer_of(caller), wanted)
        where = region(request)
        page: dict[str, Any] = {"asyncInvokeSummaries": [describe(one, where) for one in found]}
        if behind is not None:
            page["nextToken"] = behind
        return _answer(request, self._list.respond(page))

    def _found(
        self, drawer: Drawer, wanted: Mapping[str, Any]
    ) -> tuple[list[Invocation], str | None]:
        """A page of what fits, and the id behind which more may follow. Where little fits a page is
        short, or empty, as on AWS: others wait while it is read."""
        size = wanted.get("maxResults", _PAGE)
        is_newest_first = wanted.get("sortOrder", "Descending") == "Descending"
        after = wanted.get("nextToken")
        if after is not None and _TOKEN.fullmatch(after) is None:
            raise InvalidRequest("The nextToken is none that was given out.", param="nextToken")
        found: list[Invocation] = []
        for _ in range(_READS_MAX):
            page = self._shelf.page(
                drawer, after=after, limit=_READ_AT_ONCE, is_newest_first=is_newest_first
            )
            for item in page.items:
                invocation = self._jobs.read(item)
                if _fits(invocation, wanted):
                    if len(found) == size:
                        return found, found[-1].id
                    found.append(invocation)
            if not page.has_more:
                return found, None
            after = page.items[-1].id
        return found, after


def _output(wanted: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Where the answer goes, and the hints that are ignored. Raises InvalidRequest."""
    config = wanted["outputDataConfig"].get("s3OutputDataConfig")
    if config is None:
        raise InvalidRequest(
            "outputDataConfig.s3OutputDataConfig is required.", param="outputDataConfig"
        )
    shape, place = "AsyncInvokeS3OutputDataConfig", "outputDataConfig.s3OutputDataConfig"
    for name, why in REFUSED[shape].items():
        if name in config:
            raise InvalidRequest(f"{place}.{name}: {why}.", param=f"{place}.{name}")
    ignored = [f"{place}.{name}" for name in IGNORED[shape] if name in config]
    ignored += [name for name in IGNORED["StartAsyncInvokeRequest"] if wanted.get(name)]
    return config["s3Uri"], ignored


def _fits(invocation: Invocation, wanted: Mapping[str, Any]) -> bool:
    status = wanted.get("statusEquals", invocation.status)
    after, before = _ms(wanted.get("submitTimeAfter")), _ms(wanted.get("submitTimeBefore"))
    return (
        invocation.status == status
        and (after is None or invocation.submitted_ms > after)
        and (before is None or invocation.submitted_ms < before)
    )


def _ms(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp() * 1000


def _answer(request: Request, wire: WireResponse, ignored: list[str] | None = None) -> Response:
    headers: list[Header] = list(plain_headers(request))
    if ignored:
        headers.append((b"x-kilonova-ignored", ", ".join(ignored).encode()))
    return Response(wire.status, wire.body, tuple(headers))
