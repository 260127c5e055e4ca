"""What becomes of every parameter that OpenAI documents for completions; as for chat."""

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai.completions.schema import CompletionBody
from kilonova.dialects.openai.schema import NULL

__all__ = ["HONOURED", "IGNORED", "REFUSED", "ignored_by_completions", "refuse_unsupported"]

HONOURED = frozenset(
    {
        "best_of", "echo", "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "model",
        "n", "presence_penalty", "prompt", "seed", "stop", "stream", "stream_options",
        "temperature", "top_p",
    }
)  # fmt: skip

IGNORED: dict[str, str] = {"user": "callers are known by their key"}

REFUSED: dict[str, str] = {"suffix": "Models here go on with a text; they do not fill a gap."}


def refuse_unsupported(body: CompletionBody) -> None:
    """Raises InvalidRequest for the first parameter that cannot be honoured."""
    for name, advice in REFUSED.items():
        if getattr(body, name) not in (NULL, b'""'):
            raise InvalidRequest(
                f"Unsupported parameter: '{name}' is not supported here. {advice}",
                param=name,
                reason="unsupported_parameter",
            )


def ignored_by_completions(body: CompletionBody) -> list[str]:
    """The names of the hints in this request that change nothing."""
    names = [name for name in IGNORED if getattr(body, name) is not None]
    if body.stream_options is not None and body.stream_options.include_obfuscation:
        names.append("stream_options.include_obfuscation")
    return names
