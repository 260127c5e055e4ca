"""Which URL of OpenAI's API does what here."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import unquote_to_bytes

from kilonova.core.shelf import Shelf
from kilonova.dialects.openai.answer_headers import JSON, answer_headers, price_header
from kilonova.dialects.openai.chat import ChatCompletions
from kilonova.dialects.openai.classification import (
    decode_classify,
    encode_classify,
    parse_classify,
)
from kilonova.dialects.openai.completions.operation import Completions
from kilonova.dialects.openai.credentials import call
from kilonova.dialects.openai.decode import (
    decode_embeddings,
    parse_embeddings,
)
from kilonova.dialects.openai.encode import (
    encode_embeddings,
    encode_model,
    encode_models,
)
from kilonova.dialects.openai.errors import encode_error
from kilonova.dialects.openai.files import FileEndpoints
from kilonova.dialects.openai.moderation import (
    decode_moderation,
    encode_moderation,
    parse_moderation,
)
from kilonova.dialects.openai.parameters import ignored_by_embeddings
from kilonova.dialects.openai.responses import Responses
from kilonova.gateway.classification import ClassificationRequest, Classifications
from kilonova.gateway.gateway import Gateway
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Request, Response

__all__ = ["ROOTS", "OpenAISurface"]

# Where the API is mounted: OpenAI's own clients, and those of clouds that serve its wire.
ROOTS = ("/v1", "/openai/v1", "/v1beta/openai")
_ROOTS = tuple(root.encode() for root in ROOTS)
_MODELS = b"/models/"


class OpenAISurface:
    """Chat, completions, embeddings, classification, moderation, files and models."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        shelf: Shelf,
        classifications: Classifications | None = None,
        responses: Responses | None = None,
        body_bytes_max: int = 32 * 1024 * 1024,
        file_bytes_max: int = 25_000_000,
    ) -> None:
        self._gateway = gateway
        self._files = FileEndpoints(gateway, shelf, file_bytes_max=file_bytes_max)
        self._responses = responses
        endpoints: dict[tuple[str, str], Callable[[Request], Awaitable[Answer]]] = {
            ("POST", "/chat/completions"): ChatCompletions(gateway).handle,
            ("POST", "/completions"): Completions(gateway).handle,
            ("POST", "/embeddings"): self.embeddings,
            ("GET", "/models"): self.models,
        }
        if classifications is not None:
            endpoints["POST", "/classify"] = partial(self.classify, classifications)
            endpoints["POST", "/moderations"] = partial(self.moderations, classifications)
        self._fixed = {
            (method, path.encode()): Endpoint(
                handle=handle, fail=encode_error, body_bytes_max=body_bytes_max
            )
            for (method, path), handle in endpoints.items()
        }
        self._one_model = Endpoint(handle=self.model, fail=encode_error, body_bytes_max=0)

    def find(self, request: Request) -> Endpoint | None:
        """On the raw path: a model's id may hold slashes, encoded or not."""
        for root in _ROOTS:
            if request.raw_path.startswith(root):
                endpoint = self.operation(request, request.raw_path[len(root) :])
                if endpoint is not None:
                    return endpoint
        return None

    def operation(self, request: Request, path: bytes) -> Endpoint | None:
        """The endpoint of a path below a root, for surfaces with roots of their own, too."""
        endpoint = self._fixed.get((request.method, path))
        if endpoint is None and self._responses is not None:
            endpoint = self._responses.find(request, path)
        if endpoint is None:
            endpoint = self._files.find(request, path)
        if endpoint is not None or request.method != "GET":
            return endpoint
        if path.startswith(_MODELS) and len(path) > len(_MODELS):
            name = unquote_to_bytes(path[len(_MODELS) :])
            request.captures = (name.decode(errors="replace"),)
            return self._one_model
        return None

    async def embeddings(self, request: Request) -> Answer:
        """``POST /embeddings``."""
        caller = self._gateway.authorise(call(request))
        body = parse_embeddings(request.body)
        answer = await self._gateway.embed(caller, decode_embeddings(body))
        text = encode_embeddings(
            answer,
            self._gateway.model(body.model).id,
            is_base64=body.encoding_format == "base64",
        )
        headers = answer_headers(request, ignored_by_embeddings(body))
        return Response(200, text, (JSON, *headers, *price_header(request.trace)))

    async def classify(self, classifications: Classifications, request: Request) -> Answer:
        """``POST /classify``."""
        caller = self._gateway.authorise(call(request))
        body = parse_classify(request.body)
        answer = await classifications.classify(caller, decode_classify(body))
        trace = request.trace
        text = encode_classify(
            answer, body.head, request_id=trace.request_id, created_s=int(time.time())
        )
        headers = answer_headers(request, ["user"] if body.user is not None else [])
        return Response(200, text, (JSON, *headers, *price_header(trace)))

    async def moderations(self, classifications: Classifications, request: Request) -> Answer:
        """``POST /moderations``."""
        caller = self._gateway.authorise(call(request))
        body = parse_moderation(request.body)
        asked = ClassificationRequest(model=body.model, texts=decode_moderation(body))
        answer = await classifications.classify(caller, asked)
        trace = request.trace
        text = encode_moderation(answer, request_id=trace.request_id)
        return Response(200, text, (JSON, *answer_headers(request, []), *price_header(trace)))

    async def models(self, request: Request) -> Answer:
        """``GET /models``."""
        self._gateway.authorise(call(request))
        return Response(
            200, encode_models(self._gateway.models()), (JSON, *answer_headers(request, []))
        )

    async def model(self, request: Request) -> Answer:
        """``GET /models/{id}``. An alias gives the model that it stands for."""
        self._gateway.authorise(call(request))
        model = self._gateway.model(request.captures[0])
        return Response(200, encode_model(model), (JSON, *answer_headers(request, [])))
