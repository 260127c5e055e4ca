"""docs/reference/native-bodies.md is written from the bodies' own structs and lists."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from msgspec import Struct
from msgspec.structs import fields

from kilonova.catalog.native_body import NativeBody
from kilonova.dialects.bedrock.bodies import (
    cohere_command,
    cohere_embed,
    cohere_rerank,
    deepseek_text,
    llama,
    messages_v1,
    mistral_text,
    nova_embeddings,
    titan_embeddings,
    titan_text,
)
from unit.dialects.bedrock.wire_world import FAMILIES

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "native-bodies.md"

HEAD = """# Native bodies

What InvokeModel, InvokeModelWithResponseStream, CountTokens (`input.invokeModel`) and
StartAsyncInvoke carry is the own JSON of a family of models. The key `native_body` of a model's
entry says which one ([configuration](configuration.md)); a model takes the body of its own family,
and an error shows the smallest one. A body with `anthropic_version` is read as Anthropic's messages
for every model, so that AWS's flavour of Anthropic's SDK may ask all of them.

Answers come in the family's form, whole or in chunks. The last chunk holds
`amazon-bedrock-invocationMetrics`; the headers `x-amzn-bedrock-input-token-count`,
`-output-token-count`, `-cache-read-input-token-count`, `-cache-write-input-token-count` and
`-invocation-latency` go with whole answers. Anything that is not listed here is refused by name,
except in the three families of chat completions, where it is ignored; what is ignored stands in the
header `x-kilonova-ignored`.

The text families (`llama`, `mistral-text`, `deepseek-text`, and `cohere-command` with
`raw_prompting`) continue the prompt as it stands, template included: the model needs the ability
`completion`. Without a limit, `llama`, `mistral-text` and `titan-text` write at most 512 tokens, as
their vendors document it.
"""

WHOSE = {
    "anthropic-messages": "Anthropic's messages without `model` and `stream`; parameters as "
    "[on Anthropic's wire](wires.md#anthropic)",
    "chat-completions": "Qwen, DeepSeek V3 and most others: OpenAI's chat completions, parameters "
    "as [on OpenAI's wire](wires.md#openai), and `top_k`, `random_seed`, up to 16 `stop`; `model` "
    "may repeat the path, `stream` must agree with the operation",
    "cohere-command": "Cohere Command R",
    "cohere-embed": "Cohere Embed: up to 96 texts; `binary` and `ubinary` pack eight signs into a "
    "byte",
    "cohere-rerank": "Cohere Rerank, by the cosine of vectors: give an embedding model a second "
    "entry with this body. One request reads the query and all documents",
    "deepseek-text": "DeepSeek R1",
    "gpt-oss": "OpenAI's open models: as `chat-completions`, and thoughts stand in the content "
    "between `<reasoning>` and `</reasoning>`",
    "llama": "Meta Llama, and imported models that are asked as if they were one",
    "messages-v1": "Amazon Nova and Kilonova's own models: Converse's shapes",
    "mistral-chat": "Mistral's chat models: as `chat-completions`, and `tool_choice` may be `any`, "
    "choices have a `stop_reason`, too, and chunks a `message`",
    "mistral-text": "Mistral's text completion",
    "nova-embeddings": "Amazon Nova's embeddings of one text",
    "text-embeddings": "Amazon Titan Text Embeddings V2: see [embeddings](embeddings.md)",
    "titan-text": "Amazon Titan Text: what a user says; `User: …` and `Bot:` on lines of their "
    "own, `Bot:` last, are turns",
}

_Lists = Mapping[str, str]
BODIES: dict[str, tuple[type[Struct], _Lists, _Lists]] = {
    "cohere-command": (
        cohere_command.CohereCommandBody, cohere_command.IGNORED, cohere_command.REFUSED,
    ),
    "cohere-embed": (cohere_embed.CohereEmbedBody, cohere_embed.IGNORED, cohere_embed.REFUSED),
    "cohere-rerank": (
        cohere_rerank.CohereRerankBody, cohere_rerank.IGNORED, cohere_rerank.REFUSED,
    ),
    "deepseek-text": (deepseek_text.DeepSeekTextBody, {}, {}),
    "llama": (llama.LlamaBody, {}, llama.REFUSED),
    "messages-v1": (messages_v1.MessagesBody, {}, {}),
    "mistral-text": (mistral_text.MistralTextBody, {}, {}),
    "nova-embeddings": (
        nova_embeddings.NovaEmbeddingsBody, nova_embeddings.IGNORED, nova_embeddings.REFUSED,
    ),
    "text-embeddings": (titan_embeddings.TitanEmbeddingsBody, {}, {}),
    "titan-text": (titan_text.TitanTextBody, {}, {}),
}  # fmt: skip


def _names(kind: type[Struct]) -> Iterator[str]:
    """All fields of a body, those of its settings included, which are objects of its own file."""
    for field in fields(kind):
        inner = [one for one in (field.type, *get_args(field.type)) if _is_inner(one, kind)]
        yield field.encode_name
        for one in inner:
            yield from _names(one)


def _is_inner(one: Any, kind: type[Struct]) -> bool:
    return isinstance(one, type) and issubclass(one, Struct) and one.__module__ == kind.__module__


def _why(lists: _Lists, sign: str) -> list[str]:
    return [f"- {sign} `{name}`: {why}\n" for name, why in lists.items()]


def render() -> str:
    lines = [HEAD]
    for name in get_args(NativeBody):
        lines += [f"\n## `{name}`\n\n{WHOSE[name]}.\n\n`{FAMILIES.example(name)}`\n"]
        if name not in BODIES:
            continue
        kind, ignored, refused = BODIES[name]
        honoured = [one for one in _names(kind) if one not in {*ignored, *refused}]
        lines.append(f"\n- honoured: {', '.join(f'`{one}`' for one in honoured)}\n")
        lines += _why(ignored, "ignored") + _why(refused, "refused")
    return "".join(lines)


def test_the_page_is_what_the_code_does() -> None:
    """Protects readers from a page that promises what is refused, or hides what is ignored."""
    if os.environ.get("KILONOVA_WRITE_DOCS"):
        PAGE.write_text(render())
    assert PAGE.read_text() == render()


def test_no_list_names_a_field_that_is_not_there() -> None:
    """Protects the lists: each name in them is a field of its body, and in one list alone."""
    for kind, ignored, refused in BODIES.values():
        assert {*ignored, *refused} <= set(_names(kind))
        assert not ignored.keys() & refused.keys()
