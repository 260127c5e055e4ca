"""A request for completions → one request of the platform for each prompt. Pure."""

import msgspec

from kilonova.core.chat import ChatRequest
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai.body import decode_body
from kilonova.dialects.openai.completions.parameters import refuse_unsupported
from kilonova.dialects.openai.completions.schema import PROMPTS_MAX, CompletionBody
from kilonova.dialects.openai.sampling import decode_sampling

__all__ = ["OUTPUT_TOKENS", "decode_completions", "parse_completions"]

# What a request gets that names no limit, as ever since this call exists.
OUTPUT_TOKENS = 16

_bodies = msgspec.json.Decoder(CompletionBody)


def parse_completions(body: bytes) -> CompletionBody:
    """The body as a wire struct. Raises InvalidRequest."""
    return decode_body(body, _bodies)


def decode_completions(
    body: CompletionBody, output_tokens: int | None = OUTPUT_TOKENS
) -> tuple[ChatRequest, ...]:
    """Raises InvalidRequest for whatever cannot be honoured."""
    refuse_unsupported(body)
    _refuse_contradictions(body)
    prompts = _prompts(body.prompt)
    made = body.best_of or body.n or 1
    if made * len(prompts) > PROMPTS_MAX:
        raise InvalidRequest(
            f"Too many completions: {len(prompts)} prompts with {made} each. A request may ask for "
            f"{PROMPTS_MAX} together.",
            param="prompt",
            reason="array_above_max_length",
        )
    # The best of several are found by their log-probabilities.
    ranks = made > (body.n or 1)
    sampling = decode_sampling(body)
    return tuple(
        [
            ChatRequest(
                model=body.model,
                prompt=prompt,
                sampling=sampling,
                max_output_tokens=body.max_tokens or output_tokens,
                choices=made,
                top_logprobs=0 if ranks and body.logprobs is None else body.logprobs,
            )
            for prompt in prompts
        ]
    )


def _prompts(prompt: str | list[str | int | list[int]]) -> list[str]:
    listed = [prompt] if isinstance(prompt, str) else prompt
    texts: list[str] = []
    for index, text in enumerate(listed):
        path = "prompt" if isinstance(prompt, str) else f"prompt[{index}]"
        if not isinstance(text, str):
            raise InvalidRequest(
                f"Unsupported value: '{path}'. Arrays of tokens are not supported here: their "
                "numbers mean something only to the tokenizer that made them. Send the text.",
                param=path,
                reason="unsupported_value",
            )
        if not text:
            raise InvalidRequest(
                f"Invalid '{path}': there is no text to go on with.",
                param=path,
                reason="empty_string",
            )
        texts.append(text)
    return texts


def _refuse_contradictions(body: CompletionBody) -> None:
    if body.stream_options is not None and not body.stream:
        raise InvalidRequest(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    if body.echo and body.logprobs is not None:
        raise InvalidRequest(
            "Unsupported value: 'logprobs' beside 'echo'. Log-probabilities of a prompt are not "
            "computed here.",
            param="logprobs",
            reason="unsupported_value",
        )
    if body.best_of is None:
        return
    if body.best_of < (body.n or 1):
        raise InvalidRequest(
            f"Invalid 'best_of': {body.best_of} is less than 'n', which is {body.n}.",
            param="best_of",
            reason="invalid_value",
        )
    if body.stream and body.best_of > (body.n or 1):
        raise InvalidRequest(
            "Invalid 'best_of': the best of several is known when all have ended, so they cannot "
            "be streamed.",
            param="best_of",
            reason="invalid_value",
        )
