"""A request on Google's wire → the platform's request. Pure."""

from msgspec import Struct

from kilonova.core.chat import ChatRequest, Sampling
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.gemini.contents import ContentsDecoder, text_of
from kilonova.dialects.gemini.schema import (
    BatchEmbedBody,
    CountBody,
    EmbedBody,
    GenerateBody,
    GenerationConfig,
    PredictBody,
    Tool,
    ToolConfig,
)
from kilonova.dialects.gemini.support import ignored_fields, refuse_fields
from kilonova.dialects.gemini.thinking import decode_thinking, unheeded
from kilonova.dialects.gemini.tiers import decode_tier
from kilonova.dialects.gemini.tools import (
    decode_output_format,
    decode_tool_choice,
    decode_tools,
    wants_bare_enum,
)
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

__all__ = [
    "Decoded",
    "DecodedEmbedding",
    "decode_batch",
    "decode_count",
    "decode_embed",
    "decode_generate",
    "decode_predict",
]

_NO_SETTINGS = GenerationConfig()
_NO_TOOLS = ToolConfig()


class Decoded(Struct, frozen=True):
    """A request, the hints in it that are not followed, and what the answer is to look like.

    ``is_bare_enum``: the answer is one of the words allowed, without the quotes of JSON.
    """

    request: ChatRequest
    ignored: tuple[str, ...] = ()
    shows_thoughts: bool = False
    is_bare_enum: bool = False


class DecodedEmbedding(Struct, frozen=True):
    """As ``Decoded``, of texts to embed."""

    request: EmbeddingRequest
    ignored: tuple[str, ...] = ()


def decode_generate(body: GenerateBody, model: Model, seal: ReasoningSeal) -> Decoded:
    """Raises InvalidRequest for whatever cannot be honoured."""
    settings = body.generation_config or _NO_SETTINGS
    refuse_fields(body, "")
    refuse_fields(settings, "generationConfig")
    _refuse_unable(settings)
    calling = (body.tool_config or _NO_TOOLS).function_calling_config
    tools = decode_tools(body.tools, calling)
    contents = ContentsDecoder(seal)
    thinking = decode_thinking(settings.thinking_config)
    request = ChatRequest(
        model=model.id,
        messages=contents.decode(body.system_instruction, body.contents),
        thinking=thinking,
        tools=tools,
        tool_choice=decode_tool_choice(calling, tools),
        output_format=decode_output_format(settings),
        sampling=_sampling(settings),
        max_output_tokens=settings.max_output_tokens,
        top_logprobs=_top_logprobs(settings),
        service_tier=decode_tier(body.service_tier),
    )
    ignored = contents.ignored.union(_ignored(body, settings), unheeded(thinking, model))
    shown = settings.thinking_config
    return Decoded(
        request,
        tuple(sorted(ignored)),
        shows_thoughts=shown is not None and bool(shown.include_thoughts),
        is_bare_enum=wants_bare_enum(settings),
    )


def decode_count(body: CountBody, model: Model, seal: ReasoningSeal) -> Decoded:
    """The request whose input tokens are asked for."""
    refuse_fields(body, "")
    whole = body.generate_content_request
    if whole is not None:
        if body.contents:
            raise InvalidRequest(
                "Invalid value at 'contents': set contents or generateContentRequest, not both.",
                param="contents",
            )
        return decode_generate(whole, model, seal)
    asked = GenerateBody(
        contents=body.contents,
        system_instruction=body.system_instruction,
        tools=body.tools,
        generation_config=body.generation_config,
    )
    return decode_generate(asked, model, seal)


def _refuse_unable(settings: GenerationConfig) -> None:
    if settings.candidate_count not in (None, 1):
        raise InvalidRequest(
            "Multiple candidates is not enabled for this model: set candidateCount to 1, and ask "
            "again for another candidate.",
            param="generationConfig.candidateCount",
        )
    for kind in settings.response_modalities or ():
        if kind.upper() not in ("TEXT", "MODALITY_UNSPECIFIED"):
            raise InvalidRequest(
                f"Invalid value at 'generationConfig.responseModalities': '{kind[:64]}' is not "
                "generated here, only TEXT.",
                param="generationConfig.responseModalities",
            )
    if settings.top_k is not None and not settings.top_k.is_integer():
        raise InvalidRequest(
            "Invalid value at 'generationConfig.topK': expected a whole number.",
            param="generationConfig.topK",
        )


def _sampling(settings: GenerationConfig) -> Sampling:
    """Empty sequences stop nothing."""
    return Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=None if settings.top_k is None else int(settings.top_k),
        seed=settings.seed,
        presence_penalty=settings.presence_penalty,
        frequency_penalty=settings.frequency_penalty,
        stop=tuple(text for text in settings.stop_sequences or () if text),
    )


def _top_logprobs(settings: GenerationConfig) -> int | None:
    if settings.response_logprobs:
        return settings.logprobs or 0
    if settings.logprobs is not None:
        raise InvalidRequest(
            "Invalid value at 'generationConfig.logprobs': responseLogprobs must be true to use "
            "logprobs.",
            param="generationConfig.logprobs",
        )
    return None


def _ignored(body: GenerateBody, settings: GenerationConfig) -> list[str]:
    """The hints outside of the contents."""
    ignored = ignored_fields(body, "")
    if settings is not _NO_SETTINGS:
        ignored += ignored_fields(settings, "generationConfig")
    if body.tool_config is not None:
        ignored += ignored_fields(body.tool_config, "toolConfig")
        if body.tool_config.function_calling_config is not None:
            calling = body.tool_config.function_calling_config
            ignored += ignored_fields(calling, "toolConfig.functionCallingConfig")
    return ignored + _ignored_by_tools(body.tools or [])


def _ignored_by_tools(tools: list[Tool]) -> list[str]:
    declared = [one for tool in tools for one in tool.function_declarations or ()]
    return [name for one in declared for name in ignored_fields(one, "tools.functionDeclarations")]


def decode_embed(body: EmbedBody, model: str) -> DecodedEmbedding:
    """One text."""
    return decode_batch(BatchEmbedBody(requests=[body]), model)


def decode_batch(body: BatchEmbedBody, model: str) -> DecodedEmbedding:
    """Raises InvalidRequest for what is not text, and for texts that ask for different vectors."""
    texts: list[str] = []
    ignored: set[str] = set()
    sizes: set[int | None] = set()
    for index, one in enumerate(body.requests):
        place = f"requests[{index}]"
        texts.append(text_of(one.content, f"{place}.content"))
        ignored.update(ignored_fields(one, ""))
        size = one.output_dimensionality
        if one.embed_content_config is not None:
            config = one.embed_content_config
            refuse_fields(config, f"{place}.embedContentConfig")
            ignored.update(ignored_fields(config, "embedContentConfig"))
            size = config.output_dimensionality or size
        sizes.add(size)
    if len(sizes) > 1:
        raise InvalidRequest(
            "Invalid value at 'requests': all must ask for the same outputDimensionality.",
            param="requests",
        )
    request = EmbeddingRequest(model=model, texts=tuple(texts), dimensions=sizes.pop())
    return DecodedEmbedding(request, tuple(sorted(ignored)))


def decode_predict(body: PredictBody, model: str) -> DecodedEmbedding:
    """The form in which Vertex AI takes texts to embed."""
    ignored: set[str] = set()
    for instance in body.instances:
        ignored.update(ignored_fields(instance, "instances"))
    dimensions = None
    if body.parameters is not None:
        dimensions = body.parameters.output_dimensionality
        ignored.update(ignored_fields(body.parameters, "parameters"))
    texts = tuple(instance.content for instance in body.instances)
    request = EmbeddingRequest(model=model, texts=texts, dimensions=dimensions)
    return DecodedEmbedding(request, tuple(sorted(ignored)))
