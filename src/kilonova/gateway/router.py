"""Routing: from a model to the engine that runs it."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from kilonova.core.chat import ChatRequest
from kilonova.core.errors import ModelNotReady
from kilonova.core.model import Model
from kilonova.core.ports import Engine
from kilonova.gateway.abilities import thinking_honoured

__all__ = ["Route", "Router"]


class Route(Struct, frozen=True):
    """Where a request runs, and how the request reads there."""

    engine: Engine
    request: ChatRequest


class Router:
    """Owns nothing: engines are started and stopped by the application."""

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self._engines = engines

    def engine(self, model: Model) -> Engine:
        """Raises ModelNotReady for a model whose engine is not configured here."""
        engine = self._engines.get(model.engine)
        if engine is None:
            raise ModelNotReady(f"No engine named {model.engine!r} runs here for {model.id}.")
        return engine

    def route(self, model: Model, request: ChatRequest, *, cache_scope: str) -> Route:
        """``cache_scope`` keeps cached prefixes inside one organisation.

        An engine is asked to think only as its model can."""
        served = replace(
            request,
            model=model.engine_model or model.id,
            thinking=thinking_honoured(model, request.thinking),
            cache_scope=cache_scope,
        )
        return Route(self.engine(model), served)
