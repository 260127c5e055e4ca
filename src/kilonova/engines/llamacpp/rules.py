"""The rules of a grammar, written from JSON Schemas, one kind of value after the other.

Where a schema is a promise (``is_strict``) whatever cannot be enforced is refused by name; where it
is a hint, as most tools' are, the rest of it is enforced.
"""

import math

import msgspec
from msgspec import Struct

from kilonova.engines.llamacpp.automaton import TooComplex
from kilonova.engines.llamacpp.pattern import PatternError, pattern_rules
from kilonova.engines.llamacpp.ranges import decimal_rule, integer_rule
from kilonova.engines.llamacpp.schema import JsonValue, Node, SchemaReader, schema_error

__all__ = ["Ceilings", "Rules", "compact", "quote"]

_GRAMMAR_CHARS_MAX = 1 << 20
_REPEAT_MAX = 1_000

# What may come next costs time with every token: 400 optional properties cost 4 ms (measured).
_BRANCHES_MAX = 512
_EMPTY = '""'

# Bounded numbers are written with at most six decimals.
_SMALLEST_STEP = 1e-6

_CHAR = r'[^"\\\x00-\x1F\x7F] | "\\" ["\\/bfnrt]'
_NUMBER = r'"-"? ("0" | [1-9] [0-9]{0,14}) ("." [0-9]{1,15})?'
_BASE = {
    "char": _CHAR,
    "string": r'"\"" char* "\""',
    "key": r'"\"" char+ "\""',
    "integer": r'"0" | "-"? [1-9] [0-9]{0,14}',
    "number": _NUMBER,
    "boolean": '"true" | "false"',
    "null": '"null"',
    "value": "object | array | string | number | boolean | null",
    "pair": r'key ": " value',
    "object": r'"{" (pair (", " pair)*)? "}"',
    "array": r'"[" (value (", " value)*)? "]"',
}
_FORMATS = {
    "date": '[1-2] [0-9]{3} "-" (("0" [13578] | "1" [02]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])'
    ' | ("0" [469] | "11") "-" ("0" [1-9] | [12] [0-9] | "30")'
    ' | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))',
    "time": '([0-1] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{3})? '
    '("Z" | [+-] ([0-1] [0-9] | "2" [0-3]) ":" [0-5] [0-9])',
    "uuid": '[0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12}',
}
_FORMATS["date-time"] = f'{_FORMATS["date"]} "T" {_FORMATS["time"]}'


def quote(text: str) -> str:
    """A grammar literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + escaped.replace("\t", "\\t").replace("\r", "\\r") + '"'


def compact(value: JsonValue) -> str:
    """JSON with the one spacing that grammars allow."""
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()


class Ceilings(Struct, frozen=True):
    """The most that a text or a list may have where a schema sets no limit; None: no limit.

    For small models, which may not find the end of either: under a ceiling every answer closes.
    """

    text_chars: int | None = None
    items: int | None = None


_NO_CEILINGS = Ceilings()


class Rules:
    """The rules of one grammar. The same expression is one rule, however often it is used.

    A part of a schema that contains itself gets a rule with a name before it is written.
    """

    def __init__(self, ceilings: Ceilings = _NO_CEILINGS) -> None:
        self._ceilings = ceilings
        self._rules: dict[str, str] = dict(_BASE)
        self._names: dict[str, str] = {}
        self._known: dict[int, tuple[Node, str]] = {}
        self._open: set[int] = set()
        self._patterns: dict[str, str] = {}
        self._chars = 0
        self._reader: SchemaReader | None = None

    def text(self, root: str) -> str:
        """The whole grammar."""
        rules = {"root": root} | self._rules
        return "".join(f"{name} ::= {rule}\n" for name, rule in rules.items())

    def add(self, rule: str) -> str:
        """The name of a rule with this expression."""
        name = self._names.get(rule)
        if name is None:
            name = self._names[rule] = f"r{len(self._rules)}"
            self._set(name, rule)
        return name

    def define(self, name: str, rule: str) -> None:
        """A rule under a name of its own, so that it may name itself."""
        self._set(name, rule)

    def of_document(self, reader: SchemaReader) -> str:
        """The rule of a whole document of this schema."""
        self._reader = reader
        return self._of(reader.root)

    def of_arguments(self, reader: SchemaReader) -> str:
        """As ``of_document``, but always an object: the arguments of a call are nothing else."""
        self._reader = reader
        root = reader.plain(reader.root)
        if root is True or (isinstance(root, dict) and not _kinds(root)):
            return "object"
        if isinstance(root, dict) and "object" not in _kinds(root) and "anyOf" not in root:
            raise schema_error("the parameters of a tool are not of type object")
        return self._of(reader.root)

    def _set(self, name: str, rule: str) -> None:
        self._chars += len(rule)
        if self._chars > _GRAMMAR_CHARS_MAX:
            raise schema_error("it is too large to be enforced")
        self._rules[name] = rule

    @property
    def _schema(self) -> SchemaReader:
        assert self._reader is not None, "a schema is read one document at a time"
        return self._reader

    def _otherwise(self, fallback: str, message: str) -> str:
        """``fallback`` where the schema is a hint; a refusal where it is a promise."""
        if self._schema.is_strict:
            raise schema_error(message)
        return fallback

    def _of(self, node: JsonValue) -> str:
        """The rule of a part of the schema, written once. Parts are known by their identity."""
        if not isinstance(node, dict):
            return self._of_plain(self._schema.plain(node))
        key = id(node)
        if key in self._known:
            return self._known[key][1]
        if key in self._open:
            name = f"r{len(self._rules)}"
            self._rules[name] = ""
            self._known[key] = (node, name)
            return name
        self._open.add(key)
        rule = self._of_plain(self._schema.plain(node))
        self._open.discard(key)
        if key in self._known:
            self._set(self._known[key][1], rule)
        self._known[key] = (node, rule)
        return rule

    def _of_plain(self, node: Node | bool) -> str:
        if isinstance(node, bool):
            if not node:
                raise schema_error("a part of it is false, so that nothing is allowed")
            return "value"
        self._schema.check_sayable(node)
        if "const" in node:
            return self.add(quote(compact(node["const"])))
        enum = node.get("enum")
        if isinstance(enum, list):
            return self.add(" | ".join(quote(compact(value)) for value in enum))
        for keyword in ("anyOf", "oneOf"):
            if isinstance(branches := node.get(keyword), list):
                return self._alternatives(node, keyword, branches)
        kinds = _kinds(node) or ["value"]
        rules = [self._of_kind(kind, node) for kind in kinds]
        return rules[0] if len(rules) == 1 else self.add(" | ".join(rules))

    def _alternatives(self, node: Node, keyword: str, branches: list[JsonValue]) -> str:
        from_node = {key: value for key, value in node.items() if key not in (keyword, "$defs")}
        is_bare = not set(from_node) - {"title", "description", "default", "discriminator"}
        rules: list[str] = []
        for branch in branches:
            joined: JsonValue = branch if is_bare else {"allOf": [from_node, branch]}
            rules.append(self._of(joined))
        if not 1 <= len(rules) <= _BRANCHES_MAX:
            raise schema_error(f"{keyword!r} has not 1 to {_BRANCHES_MAX} branches")
        return self.add(" | ".join(dict.fromkeys(rules)))

    def _of_kind(self, kind: str, node: Node) -> str:
        match kind:
            case "object":
                return self._object(node)
            case "array":
                return self._array(node)
            case "string":
                return self._string(node)
            case "integer" | "number":
                return self._number(kind, node)
            case "boolean" | "null" | "value":
                return kind
            case _:
                return self._otherwise("value", f"{kind!r} is not a type")

    def _object(self, node: Node) -> str:
        properties = node.get("properties")
        properties = dict(properties) if isinstance(properties, dict) else {}
        required = node.get("required")
        names = required if isinstance(required, list) else []
        extra = node.get("additionalProperties", True)
        for name in names:
            properties.setdefault(str(name), extra)
        if not properties:
            return self._map(node, extra)
        optional = [name for name in properties if name not in names]
        if len(optional) > _BRANCHES_MAX:
            self._otherwise("", f"an object has more than {_BRANCHES_MAX} optional properties")
            for name in optional[_BRANCHES_MAX:]:
                del properties[name]
        pairs = [(self._pair(name, child), name in names) for name, child in properties.items()]
        return self.add(f'"{{" {self._pairs(pairs)} "}}"')

    def _pair(self, name: str, child: JsonValue) -> str:
        return self.add(f"{quote(compact(name) + ': ')} {self._of(child)}")

    def _pairs(self, pairs: list[tuple[str, bool]]) -> str:
        """Pairs in order, the optional ones left out or not, with commas only in between.

        The first pair that is written decides: after it every other brings its own comma. One rule
        for each place where the first may be keeps the grammar linear in the number of pairs.
        """
        tails = [""]
        for pair, is_required in reversed(pairs):
            tail = f'", " {pair} {tails[-1]}' if is_required else f'(", " {pair})? {tails[-1]}'
            tails.append(self.add(tail) if len(tails) % 16 == 0 else tail)
        tails.reverse()
        first = ""
        for index in range(len(pairs) - 1, -1, -1):
            pair, is_required = pairs[index]
            here = f"{pair} {tails[index + 1]}"
            first = here if is_required else self.add(f"{here} | {first or _EMPTY}")
        return first

    def _map(self, node: Node, extra: JsonValue) -> str:
        """An object with names of the model's own choice."""
        low, high = self._counts(node, "minProperties", "maxProperties")
        if extra is False:
            return self.add('"{}"')
        if (low, high, extra) == (0, None, True):
            return "object"
        pair = self.add(f'key ": " {self._of(extra)}')
        return self.add(f'"{{" {_listed([], pair, low=low, high=high)} "}}"')

    def _array(self, node: Node) -> str:
        low, high = self._counts(node, "minItems", "maxItems")
        leading = node.get("prefixItems")
        first = [self._of(item) for item in leading] if isinstance(leading, list) else []
        items = node.get("items", not first)
        rest = None if items is False else self._of(items)
        return self.add(f'"[" {_listed(first, rest, low=low, high=high)} "]"')

    def _string(self, node: Node) -> str:
        pattern, shape = node.get("pattern"), node.get("format")
        if isinstance(pattern, str):
            return self._patterned(pattern)
        if isinstance(shape, str) and shape in _FORMATS:
            return self.add(f'"\\"" {_FORMATS[shape]} "\\""')
        low, high = self._counts(node, "minLength", "maxLength")
        if (low, high) == (0, None):
            return "string"
        return self.add(f'"\\"" {_times("char", low, high)} "\\""')

    def _patterned(self, pattern: str) -> str:
        known = self._patterns.get(pattern)
        if known is not None:
            return known
        prefix = f"p{len(self._patterns)}"
        try:
            rules = pattern_rules(pattern, prefix)
        except TooComplex:
            wrong = f"the pattern {pattern[:80]!r} is too complex"
            return self._otherwise("string", wrong)
        except PatternError as error:
            wrong = f"the pattern {pattern[:80]!r} is not supported: {error}"
            return self._otherwise("string", wrong)
        for name, rule in rules.items():
            self._set(name, rule)
        self._patterns[pattern] = self.add(f'"\\"" {prefix} "\\""')
        return self._patterns[pattern]

    def _number(self, kind: str, node: Node) -> str:
        step = 1.0 if kind == "integer" else _SMALLEST_STEP
        above = _bound(node, "exclusiveMinimum", -math.inf) + step
        below = _bound(node, "exclusiveMaximum", math.inf) - step
        low = max(_bound(node, "minimum", -math.inf), above)
        high = min(_bound(node, "maximum", math.inf), below)
        if (low, high) == (-math.inf, math.inf):
            return kind
        rule = integer_rule(low, high) if kind == "integer" else decimal_rule(low, high)
        if rule is None:
            return self._otherwise(kind, f"no {kind} lies between {low:g} and {high:g}")
        return self.add(rule)

    def _counts(self, node: Node, low_key: str, high_key: str) -> tuple[int, int | None]:
        """Both limits of a length. An upper one beyond what a grammar can count is left open."""
        low, high = _bound(node, low_key, 0), _bound(node, high_key, math.inf)
        if not 0 <= low <= min(high, _REPEAT_MAX):
            self._otherwise("", f"{low_key!r} is over {high_key!r} or over {_REPEAT_MAX}")
            return 0, None
        if high <= _REPEAT_MAX:
            return int(low), int(high)
        ceilings = self._ceilings
        ceiling = ceilings.text_chars if high_key == "maxLength" else ceilings.items
        return int(low), None if ceiling is None else max(int(low), ceiling)


def _kinds(node: Node) -> list[str]:
    kind = node.get("type")
    if isinstance(kind, str):
        return [kind]
    if isinstance(kind, list) and kind:
        return [str(one) for one in kind]
    if "properties" in node or "required" in node or "additionalProperties" in node:
        return ["object"]
    return ["array"] if "items" in node or "prefixItems" in node else []


def _bound(node: Node, key: str, default: float) -> float:
    value = node.get(key)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isinstance(value, int | float) else default


def _times(rule: str, low: int, high: int | None) -> str:
    return f"{rule}{{{low},{'' if high is None else high}}}"


def _listed(first: list[str], rest: str | None, *, low: int, high: int | None) -> str:
    """``first`` items, then any number of ``rest``, with commas; in all ``low`` to ``high``."""
    listed = ' ", " '.join(first)
    if rest is None or high == 0:
        return listed or _EMPTY
    count = len(first) or 1
    more = _times(f'(", " {rest})', max(0, low - count), high and max(0, high - count))
    if first:
        return f"{listed} {more}"
    return f"{rest} {more}" if low else f"({rest} {more})?"
