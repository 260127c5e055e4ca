"""The bodies in which a model can be asked natively: families that vendors made, by name.

A dialect that has the codec of one serves it; which model speaks which is data.
"""

from typing import Literal

__all__ = ["VECTOR_BODIES", "NativeBody"]

NativeBody = Literal[
    "anthropic-messages",
    "chat-completions",
    "cohere-command",
    "cohere-embed",
    "deepseek-text",
    "gpt-oss",
    "llama",
    "messages-v1",
    "mistral-chat",
    "mistral-text",
    "nova-embeddings",
    "text-embeddings",
    "titan-text",
]
# Those that ask for a vector; all others ask for an answer.
VECTOR_BODIES: frozenset[NativeBody] = frozenset(
    {"cohere-embed", "nova-embeddings", "text-embeddings"}
)
