"""The chat format, twice: as the Jinja text inside the GGUF, and as the renderer of training text.

The engine renders prompts with the Jinja text, so both must agree to the byte; `parity.py`
compares them through the engine. The format is ChatML with calls in the Hermes manner, for which
llama.cpp derives a parser and a grammar.
"""

import json

import msgspec

from structure.conversation import Call, Conversation, Json, JsonObject, Role, Tool, Turn

__all__ = [
    "CHAT_TEMPLATE",
    "CONTROL_TOKENS",
    "TEXT_TOKENS",
    "Segment",
    "render",
    "render_prompt",
    "tool_text",
]

END_OF_TEXT = "<|endoftext|>"
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
CONTROL_TOKENS = (END_OF_TEXT, TURN_START, TURN_END)
# The server hides control tokens from its tool parser, so these are ordinary visible tokens.
TEXT_TOKENS = (
    "<tool_call>",
    "</tool_call>",
    "<tools>",
    "</tools>",
    "<tool_response>",
    "</tool_response>",
)

_TOOLS_OPENING = "<tools>"
_TOOLS_CLOSING = "\n</tools>"

# Tools are shown in a compact form instead of JSON: a third of the tokens, and nothing but what
# decides a call. What the short form cannot say is shown as the JSON Schema itself. The name stands
# at the end once more: there, and only there, its tokens have seen what the tool is for.
CHAT_TEMPLATE = (
    "{%- macro kind(schema) %}\n"
    "{%- if schema.enum %}{%- for value in schema.enum %}"
    "{{- ('|' if not loop.first else '') + (value | tojson) }}{%- endfor %}\n"
    "{%- elif schema.type == 'array' and schema['items'] %}{{- kind(schema['items']) + '[]' }}\n"
    "{%- elif schema.type is string %}\n"
    "{{- schema.type + (' ' + schema.format if schema.format else '') }}\n"
    "{%- else %}{{- schema | tojson }}{%- endif %}\n"
    "{%- endmacro %}\n"
    "{%- macro fields(schema, indent) %}\n"
    "{%- set inner = schema['items'] if schema.type == 'array' and schema['items'] else schema %}\n"
    "{%- if inner.properties %}\n"
    "{%- for name, field in inner.properties.items() %}\n"
    "{{- '\\n' + indent + name + ('' if name in (inner.required or []) else '?') + ': ' }}\n"
    "{{- kind(field) + (', ' + field.description if field.description else '') }}\n"
    "{{- fields(field, indent + ' ') }}\n"
    "{%- endfor %}\n"
    "{%- endif %}\n"
    "{%- endmacro %}\n"
    "{%- set first = messages[0] %}\n"
    "{%- set leads = first.role == 'system' or first.role == 'developer' %}\n"
    "{%- set rest = messages[1:] if leads else messages %}\n"
    "{%- if tools %}\n"
    "{{- '<|im_start|>system\\n' }}\n"
    "{%- if leads and first.content %}{{- first.content + '\\n\\n' }}{%- endif %}\n"
    f"{{{{- {json.dumps(_TOOLS_OPENING)} }}}}\n"
    "{%- for tool in tools %}\n"
    "{%- set shown = tool.function %}\n"
    "{{- '\\n' + shown.name + (': ' + shown.description if shown.description else '') }}\n"
    "{{- fields(shown.parameters or {}, ' ') + '\\n/' + shown.name }}\n"
    "{%- endfor %}\n"
    f"{{{{- {json.dumps(_TOOLS_CLOSING)} + '<|im_end|>\\n' }}}}\n"
    "{%- elif leads %}\n"
    "{{- '<|im_start|>system\\n' + first.content + '<|im_end|>\\n' }}\n"
    "{%- endif %}\n"
    "{%- for message in rest %}\n"
    "{%- if message.role == 'assistant' %}\n"
    "{{- '<|im_start|>assistant' }}\n"
    "{%- if message.content %}{{- '\\n' + message.content }}{%- endif %}\n"
    "{%- for call in message.tool_calls or [] %}\n"
    '{{- \'\\n<tool_call>\\n{"name": "\' + call.function.name + \'", "arguments": \' }}\n'
    "{{- call.function.arguments | tojson }}\n"
    "{{- '}\\n</tool_call>' }}\n"
    "{%- endfor %}\n"
    "{{- '<|im_end|>\\n' }}\n"
    "{%- elif message.role == 'tool' %}\n"
    "{%- if loop.first or loop.previtem.role != 'tool' %}{{- '<|im_start|>user' }}{%- endif %}\n"
    "{{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}\n"
    "{%- if loop.last or loop.nextitem.role != 'tool' %}{{- '<|im_end|>\\n' }}{%- endif %}\n"
    "{%- else %}\n"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}\n"
    "{%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


class Segment(msgspec.Struct, frozen=True):
    """A piece of rendered text; the model is taught fully only where `is_answer`."""

    text: str
    is_answer: bool


def _compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _kind(schema: JsonObject) -> str:
    """The values that a field takes, in a few characters."""
    if isinstance(allowed := schema.get("enum"), list) and allowed:
        return "|".join(_compact(value) for value in allowed)
    if schema.get("type") == "array" and schema.get("items"):
        return f"{_kind(_object(schema['items']))}[]"
    if isinstance(kind := schema.get("type"), str):
        return f"{kind} {schema['format']}" if schema.get("format") else kind
    return _compact(schema)


def _fields(schema: JsonObject, indent: str) -> str:
    """One line for each field of an object, or of the objects in a list."""
    is_list = schema.get("type") == "array" and schema.get("items")
    inner = _object(schema["items"]) if is_list else schema
    required = inner.get("required")
    lines = ""
    for name, value in _object(inner.get("properties")).items():
        field = _object(value)
        mark = "" if isinstance(required, list) and name in required else "?"
        text = f", {field['description']}" if field.get("description") else ""
        lines += f"\n{indent}{name}{mark}: {_kind(field)}{text}{_fields(field, indent + ' ')}"
    return lines


def tool_text(tool: Tool) -> str:
    """A tool as the model is shown it."""
    text = f": {tool.description}" if tool.description else ""
    return f"\n{tool.name}{text}{_fields(tool.parameters, ' ')}\n/{tool.name}"


def _tools_text(tools: tuple[Tool, ...]) -> str:
    return _TOOLS_OPENING + "".join(tool_text(tool) for tool in tools) + _TOOLS_CLOSING


def call_text(call: Call) -> str:
    """A call as the model must write it, without the leading line break of the template."""
    arguments = _compact(call.arguments)
    return f'<tool_call>\n{{"name": "{call.name}", "arguments": {arguments}}}\n</tool_call>'


def answer_text(turn: Turn) -> str:
    """What the model writes for an assistant turn, before the end-of-turn token."""
    parts = [turn.content] if turn.content else []
    return "\n".join(parts + [call_text(call) for call in turn.calls])


def _system_segments(conversation: Conversation) -> list[Segment]:
    turns = conversation.turns
    lead = turns[0].content if turns[0].role is Role.SYSTEM else ""
    if conversation.tools:
        lead = (lead + "\n\n" if lead else "") + _tools_text(conversation.tools)
    elif turns[0].role is not Role.SYSTEM:
        return []
    return [Segment(f"{TURN_START}system\n{lead}{TURN_END}\n", is_answer=False)]


def _tool_results(turns: tuple[Turn, ...], index: int) -> str:
    """One tool result; neighbours share a single user turn."""
    opens = turns[index - 1].role is not Role.TOOL
    closes = index + 1 == len(turns) or turns[index + 1].role is not Role.TOOL
    body = f"\n<tool_response>\n{turns[index].content}\n</tool_response>"
    return (f"{TURN_START}user" if opens else "") + body + (f"{TURN_END}\n" if closes else "")


def render(conversation: Conversation) -> list[Segment]:
    """The whole conversation as text, cut where the loss weight changes."""
    turns = conversation.turns
    segments = _system_segments(conversation)
    for index, turn in enumerate(turns):
        match turn.role:
            case Role.SYSTEM:
                continue
            case Role.ASSISTANT:
                segments.append(Segment(f"{TURN_START}assistant\n", is_answer=False))
                segments.append(Segment(answer_text(turn) + TURN_END, is_answer=True))
                segments.append(Segment("\n", is_answer=False))
            case Role.TOOL:
                segments.append(Segment(_tool_results(turns, index), is_answer=False))
            case Role.USER:
                text = f"{TURN_START}user\n{turn.content}{TURN_END}\n"
                segments.append(Segment(text, is_answer=False))
    return segments


def render_prompt(conversation: Conversation) -> str:
    """The text before the last assistant turn, ready for generation."""
    shortened = Conversation(conversation.family, conversation.turns[:-1], conversation.tools)
    return "".join(part.text for part in render(shortened)) + f"{TURN_START}assistant\n"
