"""Which operation of AWS's Bedrock services does what here.

All operations of the four services route, at the root and under `/bedrock`; one without a handler
is refused by name, as AWS refuses what it does not know.
"""

from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct

from kilonova.core.errors import NotFound
from kilonova.core.shelf import Shelf
from kilonova.dialects.bedrock.async_invoke import AsyncInvokeHandlers
from kilonova.dialects.bedrock.async_jobs import AsyncJobs, AsyncLimits, Output
from kilonova.dialects.bedrock.catalogue import CatalogueHandlers
from kilonova.dialects.bedrock.converse import ConverseHandlers
from kilonova.dialects.bedrock.errors import error_response
from kilonova.dialects.bedrock.families import Families
from kilonova.dialects.bedrock.guardrails import GuardrailHandlers
from kilonova.dialects.bedrock.invoke import InvokeHandlers
from kilonova.dialects.wire.aws_model import Operation, load_service
from kilonova.dialects.wire.aws_router import Router
from kilonova.dialects.wire.native import Family
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.screening import Screening
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Request

__all__ = ["SERVICES", "BedrockRooms", "BedrockSurface"]

SERVICES = ("bedrock-runtime", "bedrock", "bedrock-agent", "bedrock-agent-runtime")

_PREFIX = "/bedrock/"

Handler = Callable[[Request], Awaitable[Answer]]


class BedrockRooms(Struct, frozen=True, kw_only=True):
    """What the surface uses beside the gateway. ``natives`` are the bodies of InvokeModel whose
    codecs other dialects have, ``output`` is where asynchronous invocations are answered."""

    shelf: Shelf
    seal: ReasoningSeal
    natives: Mapping[str, Family]
    screening: Screening
    output: Output
    async_limits: AsyncLimits = AsyncLimits()


class BedrockSurface:
    """Amazon Bedrock's runtime and the model list of its control plane. ``jobs`` is to be run by
    who owns the surface."""

    def __init__(
        self, gateway: Gateway, rooms: BedrockRooms, *, body_bytes_max: int = 32 * 1024 * 1024
    ) -> None:
        self._body_bytes_max = body_bytes_max
        operations = [
            operation for name in SERVICES for operation in load_service(name).operations.values()
        ]
        self._router = Router(operations)
        self._roots = frozenset(_root(operation.uri) for operation in operations)
        by_name = {operation.name: operation for operation in operations}
        families = Families(rooms.seal, rooms.natives)
        self.jobs = AsyncJobs(
            gateway, families, rooms.shelf, output=rooms.output, limits=rooms.async_limits
        )
        handlers = _handlers(gateway, rooms, by_name, families=families, jobs=self.jobs)
        self._endpoints = {name: self._endpoint(handle) for name, handle in handlers.items()}
        self._unknown = self._endpoint(_refuse_unknown)

    def find(self, request: Request) -> Endpoint | None:
        """On the raw path: model ids and ARNs carry encoded slashes."""
        path = request.raw_path.decode("latin-1")
        is_ours = path.startswith(_PREFIX)
        if is_ours:
            path = path[len(_PREFIX) - 1 :]
        if _root(path) not in self._roots:
            return self._unknown if is_ours else None
        match = self._router.find(request.method, path)
        if match is None:
            return self._unknown
        request.captures = (*match.labels.values(), match.operation.name)
        return self._endpoints.get(match.operation.name, self._unknown)

    def _endpoint(self, handle: Handler) -> Endpoint:
        return Endpoint(handle=handle, fail=error_response, body_bytes_max=self._body_bytes_max)


def _handlers(
    gateway: Gateway,
    rooms: BedrockRooms,
    operations: Mapping[str, Operation],
    *,
    families: Families,
    jobs: AsyncJobs,
) -> Mapping[str, Handler]:
    """By the name of the operation."""
    converse = ConverseHandlers(
        gateway, operations, families=families, seal=rooms.seal, screening=rooms.screening
    )
    invoke = InvokeHandlers(gateway, operations, families=families, screening=rooms.screening)
    guardrails = GuardrailHandlers(gateway, rooms.screening, operations)
    later = AsyncInvokeHandlers(
        gateway, operations, families=families, shelf=rooms.shelf, jobs=jobs
    )
    catalogue = CatalogueHandlers(gateway, operations)
    return {
        "Converse": converse.converse,
        "ConverseStream": converse.converse_stream,
        "CountTokens": converse.count_tokens,
        "InvokeModel": invoke.invoke,
        "InvokeModelWithResponseStream": invoke.invoke_stream,
        "ApplyGuardrail": guardrails.apply,
        "InvokeGuardrailChecks": guardrails.checks,
        "StartAsyncInvoke": later.start,
        "GetAsyncInvoke": later.get,
        "ListAsyncInvokes": later.list_all,
        "ListFoundationModels": catalogue.list_models,
        "GetFoundationModel": catalogue.get_model,
    }


def _root(path: str) -> str:
    return path[1:].partition("/")[0]


async def _refuse_unknown(request: Request) -> Answer:
    operation = request.captures[-1] if request.captures else "This address"
    raise NotFound(
        f"{operation} is not served here. Kilonova offers the operations of the runtime but the "
        "bidirectional stream, and ListFoundationModels and GetFoundationModel.",
        reason="unknown_operation",
    )
