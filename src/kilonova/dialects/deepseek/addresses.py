"""The addresses of DeepSeek's API: at the root, below ``/beta``, and all of it below ``/deepseek``.

``/v1`` at the root is OpenAI's, which takes everything that DeepSeek's clients send; who wants
DeepSeek's own usage and errors as well points them at ``/deepseek/v1``.
"""

import re

__all__ = ["operation_of"]

_ADDRESS = re.compile(
    rb"(?:/deepseek(?:/v1|/beta)?|/beta|(?:/v1)?(?=/user/))?"
    rb"(?P<operation>/chat/completions|/completions|/models(?:/.+)?|/user/balance)"
)


def operation_of(raw_path: bytes) -> bytes | None:
    """The path below DeepSeek's root; None where the address is not DeepSeek's."""
    match = _ADDRESS.fullmatch(raw_path)
    return None if match is None else match["operation"]
