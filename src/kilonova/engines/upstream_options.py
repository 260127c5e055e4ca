"""What an operator says of an upstream: where it is, and which words it has."""

from typing import Literal

from msgspec import Struct

__all__ = ["UpstreamOptions"]


class UpstreamOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``url`` ends before ``/chat/completions``. ``api_key`` and the values of ``headers`` may be
    references, ``env:NAME`` or ``file:/path``; a key must be one. ``models`` maps our names to
    theirs. ``counts_tokens`` says how the server counts a prompt, ``bound`` that it cannot.

    ``thinking_switch`` is the field that turns thinking on and off, ``budget_field`` the one for
    its tokens; ``efforts`` maps our words of effort to theirs, and ``reads_thoughts`` is whether
    the reasoning of earlier answers is sent back. ``continues_with`` is the field that makes an
    answer go on from the assistant's last message. ``completes_prompts``: it has ``/completions``.

    ``whole_answers`` says how an answer is asked for that nobody reads before its end: ``whole``,
    in one piece, for which it may take ``whole_s_max``; ``streamed``, so that leaving stops it.
    """

    url: str
    api_key: str = ""
    models: dict[str, str] = {}
    headers: dict[str, str] = {}
    connect_s_max: float = 5.0
    silence_s_max: float = 120.0
    whole_s_max: float = 600.0
    whole_answers: Literal["whole", "streamed"] = "whole"
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    counts_tokens: Literal["bound", "input_tokens"] = "bound"
    thinking_switch: Literal["reasoning_effort", "enable_thinking", "thinking"] = "reasoning_effort"
    budget_field: str = ""
    efforts: dict[Literal["minimal", "low", "medium", "high", "max"], str] = {}
    reads_thoughts: bool = False
    continues_with: Literal["", "continue_final_message", "prefix"] = ""
    completes_prompts: bool = False
