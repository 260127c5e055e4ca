"""The surfaces of vendors: whose wires are spoken, over which parts of ours."""

from msgspec import Struct

from kilonova.core.shelf import Shelf
from kilonova.dialects.anthropic import AnthropicSurface
from kilonova.dialects.anthropic.native import native_families
from kilonova.dialects.azure import AzureSurface
from kilonova.dialects.bedrock.async_jobs import AsyncLimits
from kilonova.dialects.bedrock.routes import BedrockRooms, BedrockSurface
from kilonova.dialects.deepseek import DeepSeekSurface
from kilonova.dialects.gemini import GeminiSurface
from kilonova.dialects.openai.native import NATIVE_FAMILIES
from kilonova.dialects.openai.responses import Responses
from kilonova.dialects.openai.routes import OpenAISurface
from kilonova.dialects.openai.vertex import VertexOpenAISurface
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal
from kilonova.gateway.classification import Classifications
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.screening import Screening
from kilonova.offer import Offer
from kilonova.settings import LimitSettings, Settings
from kilonova.stores.buckets import Buckets
from kilonova.web.endpoint import Surface

__all__ = ["Rooms", "bedrock_surface", "vendor_surfaces"]


class Rooms(Struct, frozen=True, kw_only=True):
    """What the surfaces of vendors share."""

    gateway: Gateway
    classifications: Classifications
    shelf: Shelf
    seal: ReasoningSeal
    offer: Offer
    buckets: Buckets


def vendor_surfaces(rooms: Rooms, settings: Settings) -> list[Surface]:
    """Every vendor's wire but Bedrock's, in the order in which they are asked for a path."""
    gateway, seal = rooms.gateway, rooms.seal
    bytes_max = settings.limits.request_bytes_max
    openai = OpenAISurface(
        gateway,
        shelf=rooms.shelf,
        classifications=rooms.classifications,
        responses=Responses(
            gateway,
            rooms.shelf,
            seal=seal,
            kept_days=settings.limits.response_kept_days,
            body_bytes_max=bytes_max,
        ),
        body_bytes_max=bytes_max,
        file_bytes_max=settings.limits.file_bytes_max,
    )
    currency = settings.prices.currency
    return [
        # Of the paths that others have too these take only what their clients mark as theirs.
        AnthropicSurface(gateway, seal=seal, body_bytes_max=bytes_max),
        VertexOpenAISurface(openai),
        GeminiSurface(gateway, seal=seal, body_bytes_max=bytes_max),
        openai,
        DeepSeekSurface(gateway, openai, currency=currency, body_bytes_max=bytes_max),
        AzureSurface(gateway, openai),
    ]


def bedrock_surface(rooms: Rooms, settings: Settings) -> BedrockSurface:
    """Bedrock's wire, which takes what nobody else does. Its jobs run beside the server."""
    return BedrockSurface(
        rooms.gateway,
        BedrockRooms(
            shelf=rooms.shelf,
            seal=rooms.seal,
            natives={**native_families(rooms.seal), **NATIVE_FAMILIES},
            screening=_screening(rooms.classifications, rooms.offer),
            output=rooms.buckets,
            async_limits=_async_limits(settings.limits),
        ),
        body_bytes_max=settings.limits.request_bytes_max,
    )


def _screening(classifications: Classifications, offer: Offer) -> Screening:
    readers = [model for model in offer.catalog.models if model.can("classify")]
    # A token of theirs holds any character.
    size = readers[0].context_tokens if readers else 0
    return Screening(classifications, offer.guardrails, characters_at_once=size)


def _async_limits(limits: LimitSettings) -> AsyncLimits:
    return AsyncLimits(
        running_max=limits.async_running_max,
        run_s_max=limits.async_run_s_max,
        waiting_max=limits.async_waiting_max,
        waiting_bytes_max=limits.async_waiting_bytes_max,
    )
