"""A tiny random model for tests of the llamacpp engine: real tensors, no sense.

About 60,000 parameters, a byte vocabulary with single digits and a ChatML template with tools. Its
end-of-answer token has a zero embedding, so that greedy answers run until they are stopped.
"""

from pathlib import Path

import gguf
import numpy as np

__all__ = ["PLAIN_TEMPLATE", "TOOL_TEMPLATE", "write_tiny_model"]

_WIDTH, _LAYERS, _HIDDEN = 64, 2, 96
_CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_WORDS = ("user", "assistant", "system", "tool", "the ", "and ", "name", "object", "string")

PLAIN_TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\n' + message.content + "
    "'<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)
TOOL_TEMPLATE = """{%- set first = messages[0] %}
{%- set leads = first.role == 'system' %}
{%- set rest = messages[1:] if leads else messages %}
{%- if tools %}
{{- '<|im_start|>system\\n' }}
{%- if leads and first.content %}{{- first.content + '\\n\\n' }}{%- endif %}
{{- "# Tools\\n<tools>" }}
{%- for tool in tools %}{{- '\\n' + (tool.function | tojson) }}{%- endfor %}
{{- "\\n</tools>\\nWrite each call as\\n<tool_call>\\n{\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}\\n</tool_call>" + '<|im_end|>\\n' }}
{%- elif leads %}
{{- '<|im_start|>system\\n' + first.content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in rest %}
{%- if message.role == 'assistant' %}
{{- '<|im_start|>assistant' }}
{%- if message.content %}{{- '\\n' + message.content }}{%- endif %}
{%- for call in message.tool_calls or [] %}
{{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments | tojson }}
{{- '}\\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- elif message.role == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
{%- else %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""  # noqa: E501


def write_tiny_model(
    path: Path, *, template: str = TOOL_TEMPLATE, context_tokens: int = 2048
) -> Path:
    """Write the model and return where it is."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny")
    writer.add_context_length(context_tokens)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_HIDDEN)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // 2)
    tokens = _add_tokenizer(writer, template)
    _add_tensors(writer, tokens)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter, template: str) -> int:
    letters = _byte_letters()
    tokens = [*_CONTROL, *letters]
    merges: list[str] = []
    for word in _WORDS:
        spelled = "".join(letters[byte] for byte in word.encode())
        for end in range(2, len(spelled) + 1):
            if spelled[:end] not in tokens:
                tokens.append(spelled[:end])
                merges.append(f"{spelled[: end - 1]} {spelled[end - 1]}")
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(_CONTROL) + [1] * (len(tokens) - len(_CONTROL)))
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)
    return len(tokens)


def _byte_letters() -> list[str]:
    """The letters in which byte-level BPE writes the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte if byte in plain else next(spare)) for byte in range(256)]


def _add_tensors(writer: gguf.GGUFWriter, tokens: int) -> None:
    random = np.random.default_rng(7)

    def matrix(*shape: int) -> np.ndarray:
        return random.normal(0, 0.25, shape).astype(np.float32)

    embedding = matrix(tokens, _WIDTH)
    embedding[: len(_CONTROL)] *= 0.01
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", np.ones(_WIDTH, np.float32))
    for layer in range(_LAYERS):
        block = f"blk.{layer}"
        writer.add_tensor(f"{block}.attn_norm.weight", np.ones(_WIDTH, np.float32))
        writer.add_tensor(f"{block}.ffn_norm.weight", np.ones(_WIDTH, np.float32))
        writer.add_tensor(f"{block}.attn_q.weight", matrix(_WIDTH, _WIDTH))
        writer.add_tensor(f"{block}.attn_k.weight", matrix(_WIDTH // 2, _WIDTH))
        writer.add_tensor(f"{block}.attn_v.weight", matrix(_WIDTH // 2, _WIDTH))
        writer.add_tensor(f"{block}.attn_output.weight", matrix(_WIDTH, _WIDTH))
        writer.add_tensor(f"{block}.ffn_gate.weight", matrix(_HIDDEN, _WIDTH))
        writer.add_tensor(f"{block}.ffn_up.weight", matrix(_HIDDEN, _WIDTH))
        writer.add_tensor(f"{block}.ffn_down.weight", matrix(_WIDTH, _HIDDEN))
