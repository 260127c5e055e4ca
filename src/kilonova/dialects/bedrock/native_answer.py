"""A whole answer in the body of the model's own family: text or vectors, at once or later."""

import time

from msgspec import Struct
from msgspec.structs import replace

from kilonova.core.model import Model
from kilonova.dialects.bedrock.families import Families
from kilonova.dialects.wire.native import About
from kilonova.gateway.call import Caller
from kilonova.gateway.gateway import Gateway

__all__ = ["NativeAnswer", "about", "answer_native"]


class NativeAnswer(Struct, frozen=True):
    """A body of the family's own, and the hints in the request that were not followed."""

    body: bytes
    ignored: tuple[str, ...]


async def answer_native(
    gateway: Gateway,
    families: Families,
    *,
    caller: Caller,
    model: Model,
    body: bytes,
    service_tier: str = "default",
) -> NativeAnswer:
    """Raises InvalidRequest for another family's body, and whatever refuses the request."""
    trace = caller.call.trace
    if families.makes_vectors(model):
        wanted = families.decode_embedding(body, model)
        vectors = await gateway.embed(caller, wanted.request)
        return NativeAnswer(wanted.encode(vectors, trace.request_id), wanted.ignored)
    asked = families.decode(body, model, streams=False)
    wanted_chat = replace(asked.request, service_tier=service_tier)
    stream = await gateway.chat(caller, wanted_chat, is_whole=True)
    answer = await stream.collect()
    writer = asked.writer(about(trace.request_id, model))
    return NativeAnswer(writer.whole(answer), asked.ignored)


def about(request_id: str, model: Model) -> About:
    """What an answer that is given now may say about itself."""
    return About(request_id, model, int(time.time()))
