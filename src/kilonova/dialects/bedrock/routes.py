"""Which operation of AWS's Bedrock services does what here.

All operations of the four services route, at the root and under `/bedrock`; one without a handler
is refused by name, as AWS refuses what it does not know.
"""

from collections.abc import Awaitable, Callable

from kilonova.core.errors import NotFound
from kilonova.dialects.bedrock.catalogue import CatalogueHandlers
from kilonova.dialects.bedrock.converse import ConverseHandlers
from kilonova.dialects.bedrock.errors import error_response
from kilonova.dialects.bedrock.invoke import InvokeHandlers
from kilonova.dialects.wire.aws_model import load_service
from kilonova.dialects.wire.aws_router import Router
from kilonova.gateway.gateway import Gateway
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Request

__all__ = ["SERVICES", "BedrockSurface"]

SERVICES = ("bedrock-runtime", "bedrock", "bedrock-agent", "bedrock-agent-runtime")

_PREFIX = "/bedrock/"

Handler = Callable[[Request], Awaitable[Answer]]


class BedrockSurface:
    """Amazon Bedrock's runtime and the model list of its control plane."""

    def __init__(self, gateway: Gateway, *, body_bytes_max: int = 32 * 1024 * 1024) -> None:
        self._body_bytes_max = body_bytes_max
        operations = [
            operation for name in SERVICES for operation in load_service(name).operations.values()
        ]
        self._router = Router(operations)
        self._roots = frozenset(_root(operation.uri) for operation in operations)
        by_name = {operation.name: operation for operation in operations}
        converse = ConverseHandlers(gateway, by_name)
        invoke = InvokeHandlers(gateway, by_name)
        catalogue = CatalogueHandlers(gateway, by_name)
        self._endpoints = {
            name: self._endpoint(handle)
            for name, handle in {
                "Converse": converse.converse,
                "ConverseStream": converse.converse_stream,
                "CountTokens": converse.count_tokens,
                "InvokeModel": invoke.invoke,
                "InvokeModelWithResponseStream": invoke.invoke_stream,
                "ListFoundationModels": catalogue.list_models,
                "GetFoundationModel": catalogue.get_model,
            }.items()
        }
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


def _root(path: str) -> str:
    return path[1:].partition("/")[0]


async def _refuse_unknown(request: Request) -> Answer:
    operation = request.captures[-1] if request.captures else "This address"
    raise NotFound(
        f"{operation} is not served here. Kilonova offers Converse, ConverseStream, InvokeModel, "
        "InvokeModelWithResponseStream, CountTokens, ListFoundationModels and GetFoundationModel.",
        reason="unknown_operation",
    )
