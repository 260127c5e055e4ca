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
    "cohere-rerank",
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
# Those that need vectors; all others ask for an answer.
VECTOR_BODIES: frozenset[NativeBody] = frozenset(
    {"cohere-embed", "cohere-rerank", "nova-embeddings", "text-embeddings"}
)
