"""A tiny random model for tests of the llamacpp engine: real tensors, no sense.

About 60,000 parameters, a byte vocabulary with single digits and a ChatML template with tools. Its
end-of-answer token has a zero embedding, so that greedy answers run until they are stopped.
"""

from pathlib import Path

import gguf
import numpy as np

__all__ = [
    "ALWAYS_THINKING_TEMPLATE",
    "PLAIN_TEMPLATE",
    "THINKING_TEMPLATE",
    "TOOL_TEMPLATE",
    "write_tiny_model",
    "write_tiny_projector",
]

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

_TURN = "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
_SAID = "{%- if message.content %}{{- '\\n' + message.content }}{%- endif %}"
_THOUGHT = """{%- if message.reasoning_content %}
{{- '\\n<think>\\n' + message.reasoning_content + '\\n</think>\\n' }}{%- endif %}"""

# Opens a thought with every answer, unless it is told not to; then it writes an empty one.
THINKING_TEMPLATE = TOOL_TEMPLATE.replace(_SAID, _THOUGHT + _SAID).replace(
    _TURN,
    """{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}
{{- '<think>\\n\\n</think>\\n\\n' }}{%- else %}{{- '<think>\\n' }}{%- endif %}
{%- endif %}""",
)
# Has no word to leave the thought out.
ALWAYS_THINKING_TEMPLATE = TOOL_TEMPLATE.replace(
    "'\\n' + message.content", "'\\n' + message.content.split('</think>')[-1]"
).replace(
    _TURN, "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{%- endif %}"
)


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


def write_tiny_projector(path: Path) -> Path:
    """Eyes for the tiny model: four patches of 14 by 14 pixels through two random layers."""
    eye, hidden = 32, 64
    writer = gguf.GGUFWriter(str(path), "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.use_gelu", True)
    numbers = {
        "image_size": 28,
        "patch_size": 14,
        "embedding_length": eye,
        "feed_forward_length": hidden,
        "projection_dim": _WIDTH,
        "block_count": 2,
        "attention.head_count": 2,
    }
    for name, number in numbers.items():
        writer.add_uint32(f"clip.vision.{name}", number)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    for name in ("image_mean", "image_std"):
        writer.add_array(f"clip.vision.{name}", [0.5, 0.5, 0.5])
    random = np.random.default_rng(7)
    for name, shape in _projector_shapes(eye, hidden).items():
        writer.add_tensor(name, random.normal(0, 0.2, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _projector_shapes(eye: int, hidden: int) -> dict[str, tuple[int, ...]]:
    weights: dict[str, tuple[int, ...]] = {"v.pre_ln": (eye,)}
    for block in ("v.blk.0", "v.blk.1"):
        names = ("attn_q", "attn_k", "attn_v", "attn_out")
        weights |= {f"{block}.{name}": (eye, eye) for name in names}
        weights |= {f"{block}.ln1": (eye,), f"{block}.ln2": (eye,)}
        weights |= {f"{block}.ffn_up": (hidden, eye), f"{block}.ffn_down": (eye, hidden)}
    weights |= {"mm.0": (_WIDTH, eye), "mm.2": (_WIDTH, _WIDTH)}
    shapes: dict[str, tuple[int, ...]] = {
        "v.class_embd": (eye,),
        "v.patch_embd.weight": (eye, 3, 14, 14),
        "v.position_embd.weight": (5, eye),
    }
    for name, shape in weights.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes
