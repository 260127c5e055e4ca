"""OpenAI's wire where Vertex AI serves it: below a project and a location, which mean nothing here.

``…/publishers/openai/v1/responses`` is where the provider of OpenAI's SDK sends its requests,
``…/endpoints/openapi/chat/completions`` where Google tells OpenAI's plain clients to go.
"""

import re

from kilonova.dialects.openai.routes import OpenAISurface
from kilonova.web.endpoint import Endpoint
from kilonova.web.message import Request

__all__ = ["VertexOpenAISurface"]

_PATH = re.compile(
    rb"/v1(?:beta1)?/projects/[^/]+/locations/[^/]+/(?:publishers/openai/v1|endpoints/openapi)"
    rb"(/.+)"
)


class VertexOpenAISurface:
    """The operations of ``openai``; asked before the surface that knows Vertex AI's own paths."""

    def __init__(self, openai: OpenAISurface) -> None:
        self._openai = openai

    def find(self, request: Request) -> Endpoint | None:
        match = _PATH.match(request.raw_path)
        return None if match is None else self._openai.operation(request, match[1])
