"""What the model may write, character by character: grammars of llama.cpp (GBNF).

llama.cpp has a converter of its own; ours exists because it must not hang on a hostile schema, must
say what it cannot enforce, and allows one way of spacing only (``", "`` and ``": "``, as in
templates): a small model lost 30 tokens an answer to free white space. Properties come in the order
of the schema.
"""

import msgspec

from kilonova.core.chat import Tool
from kilonova.engines.llamacpp.calls import CLOSING, OPENING, call_head
from kilonova.engines.llamacpp.rules import Ceilings, Rules, quote
from kilonova.engines.llamacpp.schema import SchemaReader
from kilonova.engines.llamacpp.thoughts import CLOSING_THOUGHT, OPENING_THOUGHT

__all__ = ["ANY_OBJECT", "after_thought", "answer_grammar", "call_grammar", "talk_grammar"]

_CALLS_MAX = 8
_NO_CEILINGS = Ceilings()

ANY_OBJECT = msgspec.Raw(b'{"type":"object"}')


def answer_grammar(schema: msgspec.Raw, ceilings: Ceilings = _NO_CEILINGS) -> str:
    """One document of this schema."""
    rules = Rules(ceilings)
    return rules.text(rules.of_document(SchemaReader(schema, is_strict=True)))


def call_grammar(
    tools: tuple[Tool, ...],
    *,
    is_single: bool,
    answer: msgspec.Raw | None,
    ceilings: Ceilings = _NO_CEILINGS,
) -> str:
    """Calls of these tools, at least one; or else one ``answer``, where that may be."""
    rules = Rules(ceilings)
    root = _calls(rules, tools, is_single=is_single)
    if answer is not None:
        root = f"{root} | {rules.of_document(SchemaReader(answer, is_strict=True))}"
    return rules.text(root)


def talk_grammar(
    tools: tuple[Tool, ...], *, is_single: bool, ceilings: Ceilings = _NO_CEILINGS
) -> str:
    """Any text, then calls of these tools or none: whatever looks like a call is a good one."""
    rules = Rules(ceilings)
    calls = _calls(rules, tools, is_single=is_single)
    for name, rule in _text_without(OPENING, "text").items():
        rules.define(name, rule)
    return rules.text(f"text0 ({calls})?")


def after_thought(grammar: str, *, is_open: bool) -> str:
    """The same, behind a thought. A thought that is not open yet may be left out."""
    rules = {"thought": f"thought0 {quote(CLOSING_THOUGHT)} [ \\n]{{0,4}}"}
    rules["root"] = "thought answer"
    if not is_open:
        rules["root"] = f"({quote(OPENING_THOUGHT)} thought)? answer"
    rules |= _text_without(CLOSING_THOUGHT, "thought")
    written = "".join(f"{name} ::= {rule}\n" for name, rule in rules.items())
    return written + grammar.replace("root ::=", "answer ::=", 1)


def _calls(rules: Rules, tools: tuple[Tool, ...], *, is_single: bool) -> str:
    branches: list[str] = []
    tail = quote("}\n" + CLOSING)
    for tool in tools:
        arguments = rules.of_arguments(SchemaReader(tool.parameters, is_strict=tool.is_strict))
        head = quote(OPENING + call_head(tool.name))
        branches.append(f"{head} {arguments} {tail}")
    call = rules.add(" | ".join(branches))
    return call if is_single else f'{call} ("\\n" {call}){{0,{_CALLS_MAX - 1}}}'


def _text_without(mark: str, prefix: str) -> dict[str, str]:
    """Text in which ``mark`` does not occur: one rule for each number of its letters just seen.

    The mark begins with the only ``<`` in it, so after a mismatch only a new ``<`` counts.
    """
    assert mark.count(mark[0]) == 1
    names = [f"{prefix}{seen}" for seen in range(len(mark))]
    rules = {}
    for seen, name in enumerate(names):
        here, first = mark[seen], mark[0]
        if seen == 0:
            rule = f'([^{first}] {names[0]} | "{first}" {names[1]})?'
        elif seen + 1 < len(mark):
            rule = (
                f'([^{first}{here}] {names[0]} | "{first}" {names[1]} | '
                f'"{here}" {names[seen + 1]})?'
            )
        else:
            rule = f'([^{first}{here}] {names[0]} | "{first}" {names[1]})?'
        rules[name] = rule
    return rules
