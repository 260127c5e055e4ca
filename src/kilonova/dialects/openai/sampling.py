"""How an answer is to be drawn, the same for chat and for completions. Pure."""

from kilonova.core.chat import Sampling
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai.completions.schema import CompletionBody
from kilonova.dialects.openai.schema import ChatBody

__all__ = ["decode_sampling"]


def decode_sampling(body: ChatBody | CompletionBody) -> Sampling:
    """Raises InvalidRequest for biases of what is no token."""
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        seed=body.seed,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        logit_bias=_logit_bias(body.logit_bias) if body.logit_bias else (),
        stop=_stop(body.stop) if body.stop else (),
    )


def _logit_bias(biases: dict[str, float]) -> tuple[tuple[int, float], ...]:
    for token in biases:
        if not (token.isascii() and token.isdigit() and len(token) <= 9):
            raise InvalidRequest(
                f"Invalid key in 'logit_bias': '{token[:64]}'. Expected the ids of tokens, such as "
                "'50256'.",
                param="logit_bias",
                reason="invalid_value",
            )
    return tuple((int(token), bias) for token, bias in biases.items())


def _stop(stop: str | list[str]) -> tuple[str, ...]:
    """Empty sequences stop nothing."""
    listed = [stop] if isinstance(stop, str) else stop
    return tuple(text for text in listed if text)
