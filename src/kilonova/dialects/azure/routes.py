"""Which URL of Azure OpenAI does what here: OpenAI's own handlers, behind Azure's addresses."""

from collections.abc import Awaitable, Callable
from functools import partial

from kilonova.core.errors import NotFound
from kilonova.dialects.azure.addresses import Address, check_version, find_address
from kilonova.dialects.azure.credentials import DIALECT, call
from kilonova.dialects.azure.decode import decode
from kilonova.dialects.azure.encode import encode_model, encode_models
from kilonova.dialects.azure.errors import encode_error
from kilonova.dialects.azure.headers import mark
from kilonova.dialects.openai import OpenAISurface
from kilonova.gateway.gateway import Gateway
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Header, Request, Response

__all__ = ["AzureSurface"]

_JSON: Header = (b"content-type", b"application/json")
_ROOTS = (b"/openai/", b"/azure/")
# What a deployment does: the body of the request names a model.
_OF_DEPLOYMENTS = frozenset({b"/chat/completions", b"/completions", b"/embeddings", b"/responses"})

Handler = Callable[[Request], Awaitable[Answer]]


class AzureSurface:
    """Every operation of ``openai``, below a deployment or beside it."""

    def __init__(self, gateway: Gateway, openai: OpenAISurface) -> None:
        self._gateway = gateway
        self._openai = openai
        self._unknown = Endpoint(handle=_nothing_here, fail=encode_error, body_bytes_max=1 << 20)

    def find(self, request: Request) -> Endpoint | None:
        """Claims every address of Azure's form, so that what is not served fails in its form."""
        if not request.raw_path.startswith(_ROOTS):
            return None
        address = find_address(request.raw_path)
        if address is None:
            return None
        request.trace.dialect = DIALECT
        endpoint = self._openai.operation(request, address.operation)
        if endpoint is None:
            return self._unknown
        handle = self._handler(endpoint, address)
        return Endpoint(
            handle=partial(self._serve, handle, address),
            fail=encode_error,
            body_bytes_max=endpoint.body_bytes_max,
        )

    def _handler(self, endpoint: Endpoint, address: Address) -> Handler:
        if address.operation == b"/models":
            return self.models
        if address.operation.startswith(b"/models/"):
            return self.model
        return endpoint.handle

    async def _serve(self, handle: Handler, address: Address, request: Request) -> Answer:
        if address.has_version:
            check_version(request)
        self._gateway.authorise(call(request))
        ignored: tuple[str, ...] = ()
        if address.deployment is not None and address.operation in _OF_DEPLOYMENTS:
            decoded = decode(request.body, address.deployment)
            request.body, ignored = decoded.body, decoded.ignored
        return mark(await handle(request), request, ignored)

    async def models(self, request: Request) -> Answer:
        """``GET /models``."""
        return Response(200, encode_models(self._gateway.models()), _headers(request))

    async def model(self, request: Request) -> Answer:
        """``GET /models/{id}``."""
        model = self._gateway.model(request.captures[0])
        return Response(200, encode_model(model), _headers(request))


def _headers(request: Request) -> tuple[Header, ...]:
    return (_JSON, (b"x-request-id", request.trace.request_id.encode()))


async def _nothing_here(request: Request) -> Answer:
    raise NotFound(
        f"Resource not found: nothing is served at {request.method} "
        f"{request.raw_path.decode('latin-1')[:200]}."
    )
