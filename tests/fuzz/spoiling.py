"""From a good request to a bad one: a list of changes, each a few small numbers, so that a failing
case shrinks to the one change that matters."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from fuzz.seeds import Seed, seeds

__all__ = ["Case", "Change", "changes", "spoils", "spoilt"]


class Change(Struct, frozen=True):
    """``place`` and ``value`` count in whatever the kind of change counts in, and wrap around."""

    kind: str
    place: int
    value: int


class Case(Struct, frozen=True):
    """A request as it is sent."""

    method: str
    target: bytes
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    access: str


class Verbatim(str):
    """JSON text that goes into the body as it stands, JSON or not."""


class Pairs(list[tuple[str, Any]]):
    """An object, in order, whose names may be there twice."""


_NAMES = (
    "type", "role", "content", "parts", "text", "name", "input", "messages", "tools", "schema",
    "model", "stream", "max_tokens", "n", "id", "__proto__", "", "\x00", "x" * 300,
)  # fmt: skip
_JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**64), 0.5, -0.0,
    Verbatim("1e999"), Verbatim("-1E-999"), Verbatim("9" * 5000), Verbatim("NaN"),
    Verbatim("Infinity"), Verbatim('"\\ud800"'), Verbatim('"\\udc00\\ud800"'),
    Verbatim('"\\u0000"'), Verbatim('"unended'), Verbatim("[" * 3000 + "]" * 3000),
    Verbatim('{"a":' * 900 + "1" + "}" * 900), Verbatim("[" * 200_000), Verbatim("{},"),
    Verbatim("// no"), Verbatim('{"a":1,"a":[]}'), Verbatim("01"), Verbatim("'x'"),
    "", " ", "x", "a" * 70_000, "é\u2028\U0001f914", "../..", "data:image/png;base64,AAA",
    "https://127.0.0.1/x", "arn:aws:bedrock:us-east-1::foundation-model/echo", "{" * 64, "%00",
    "2026-13-45T99:00:00Z", "[[" * 50, "\\", '"', "${x}", "a\r\nb: c",
    "user", "assistant", "system", "tool", "auto", "any", "required", "json_schema", "object",
    "function", "image", "image_url", "enabled", "max", "END",
    [], [[]], [{}], [None], ["x"], {}, {"type": "text", "text": "x"}, {"type": "x"}, {"": {}},
    {"$ref": "#"}, {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
    {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
    {"enum": [{}, None, 1e300]}, {"allOf": [{"$ref": "#"}] * 3}, {"pattern": "(a+)+$"},
)  # fmt: skip
_TAILS = (
    b"%ff", b"%00", b"%2F", b"%2e%2e%2f", b"%zz", b"/", b"//", b"/../", b":", b"::x", b"?a=b&a=c",
    b"?key=%ff", b"?alt=sse&alt=json", b"?limit=-1", b"?limit=99999999999999999999", b"?limit=x",
    b"?pageToken=%F0%9F", b"?" + b"&" * 500, b"\xff\xfe", "é".encode(), b"x" * 2000, b"#x",
    b"?api-version=x", b"?submitTimeAfter=x", b"?order=%00", b"?%5B%5D=%5B", b"?after=../../x",
)  # fmt: skip
_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"authorization", b""), (b"authorization", b"Bearer"), (b"authorization", b"Bearer \xff"),
    (b"authorization", b"Basic eDp5"), (b"authorization", b"AWS4-HMAC-SHA256 Credential=x"),
    (
        b"authorization",
        b"AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/bedrock/aws4_request, "
        b"SignedHeaders=host;x-amz-date, Signature=00",
    ),
    (b"authorization", b"AWS4-HMAC-SHA256 Credential=" + b"/" * 900), (b"x-api-key", b"\x80"),
    (b"api-key", b"kn_live_x"), (b"x-goog-api-key", b"x" * 5000), (b"x-amz-date", b"yesterday"),
    (b"x-amz-content-sha256", b"x"), (b"content-type", b"multipart/form-data"),
    (b"content-type", b"multipart/form-data; boundary=" + b"z" * 300), (b"content-type", b"\xff"),
    (b"content-type", b"application/x-www-form-urlencoded"), (b"content-encoding", b"gzip"),
    (b"accept", b"text/x"), (b"idempotency-key", b"k" * 9000), (b"idempotency-key", b"same"),
    (b"amz-sdk-invocation-id", b"same"), (b"anthropic-version", b"\xff"), (b"anthropic-beta", b","),
    (b"traceparent", b"\xff" * 70), (b"x-amzn-bedrock-trace", b"MAYBE"),
    (b"x-amzn-bedrock-guardrailidentifier", b"strict"), (b"x-amzn-bedrock-guardrailversion", b"9"),
    (b"x-amzn-bedrock-accept", b"x"), (b"x-amzn-bedrock-request-metadata", b"{"),
    (b"range", b"bytes=0-"), (b"expect", b"100-continue"), (b"x-stainless-retry-count", b"x"),
    (b"openai-organization", b"\xff"), (b"cookie", b"a=" * 2000), (b"transfer-encoding", b"x"),
)  # fmt: skip
_REPEATED_MAX = 1_000_000
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW")

_INSIDE = ("replace", "replace", "replace", "remove", "twice", "rename", "wrap", "repeat", "add",
           "swap", "splice")  # fmt: skip
_OUTSIDE = ("cut", "byte", "before", "after", "encode")
_AROUND = ("tail", "segment", "header", "drop", "method")
_KINDS = (*_INSIDE * 3, *_OUTSIDE, *_AROUND)

changes = st.builds(Change, st.sampled_from(_KINDS), st.integers(0, 2**16), st.integers(0, 2**16))


spoils = st.tuples(st.sampled_from(seeds()), st.lists(changes, max_size=4))


def spoilt(seed: Seed, changed: list[Change]) -> Case:
    """The request with the changes: inside of its JSON first, then to its bytes, then around it."""
    document = _editable(seed.document)
    for change in changed:
        if change.kind in _INSIDE and isinstance(document, Pairs):
            _edit(document, change)
    body = seed.body if seed.document is None else _text_of(document).encode("utf-8", "replace")
    for change in changed:
        if change.kind in _OUTSIDE and body:
            body = _BYTES[change.kind](body, change)
    case = Case(seed.method, seed.target.encode(), body, seed.headers, seed.access)
    for change in changed:
        if change.kind in _AROUND:
            case = _around(case, change)
    return case


def _editable(value: Any) -> Any:
    if isinstance(value, dict):
        return Pairs((name, _editable(held)) for name, held in value.items())
    if isinstance(value, list):
        return [_editable(held) for held in value]
    return value


def _text_of(value: Any) -> str:
    match value:
        case Verbatim():
            return str(value)
        case Pairs():
            return f"{{{','.join(f'{json.dumps(n)}:{_text_of(v)}' for n, v in value)}}}"
        case list():
            return f"[{','.join(map(_text_of, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _places(value: Any) -> list[tuple[Any, int]]:
    """Every place inside: what holds it, and where."""
    found: list[tuple[Any, int]] = []
    for index, one in enumerate(value):
        held = one[1] if isinstance(value, Pairs) else one
        found.append((value, index))
        if isinstance(held, list):
            found += _places(held)
    return found


def _edit(document: Pairs, change: Change) -> None:
    places = _places(document)
    if not places:
        document.append(("x", 1))
        return
    holder, index = places[change.place % len(places)]
    name, held = holder[index] if isinstance(holder, Pairs) else ("", holder[index])

    def put(value: Any) -> None:
        holder[index] = (name, value) if isinstance(holder, Pairs) else value

    match change.kind:
        case "replace":
            put(_editable(_JUNK[change.value % len(_JUNK)]))
        case "remove":
            del holder[index]
        case "twice":
            holder.append(holder[index])
        case "rename" if isinstance(holder, Pairs):
            names = (*_NAMES, name.upper(), name + "_", name.replace("_", ""), f"_{name}")
            holder[index] = (names[change.value % len(names)], held)
        case "wrap":
            put([held] if change.value % 2 else Pairs([(_NAMES[change.value % 9], held)]))
        case "repeat" if held and isinstance(held, list) and not isinstance(held, Pairs):
            times = (2, 129, 3000)[change.value % 3]
            # As text: a later repetition inside of this one would fill the memory of the machine.
            text = _text_of(held)
            if len(text) * times < _REPEATED_MAX:
                put(Verbatim(f"[{','.join([text[1:-1]] * times)}]"))
        case "add" if isinstance(held, Pairs):
            junk = _editable(_JUNK[change.value % len(_JUNK)])
            held.append((_NAMES[change.place % len(_NAMES)], junk))
        case "swap":
            _swap(places, change)
        case "splice":
            put(_elsewhere(change))


def _swap(places: list[tuple[Any, int]], change: Change) -> None:
    """Two values change places; where one is inside of the other, it is a copy."""
    texts = []
    for number in (change.place, change.value):
        holder, index = places[number % len(places)]
        texts.append(holder[index][1] if isinstance(holder, Pairs) else holder[index])
    written = [Verbatim(_text_of(held)) for held in texts]
    for number, other in ((change.place, written[1]), (change.value, written[0])):
        holder, index = places[number % len(places)]
        holder[index] = (holder[index][0], other) if isinstance(holder, Pairs) else other


def _elsewhere(change: Change) -> Verbatim:
    """A value of another request, perhaps of another vendor's."""
    others = [seed for seed in seeds() if seed.document]
    places = _places(_editable(others[change.value % len(others)].document))
    holder, index = places[change.place % len(places)]
    return Verbatim(_text_of(holder[index][1] if isinstance(holder, Pairs) else holder[index]))


def _cut(body: bytes, change: Change) -> bytes:
    return body[: change.place % len(body)]


def _byte(body: bytes, change: Change) -> bytes:
    at = change.place % len(body)
    return body[:at] + bytes([change.value % 256]) + body[at + change.value // 256 % 2 :]


def _before(body: bytes, change: Change) -> bytes:
    return (b"\xef\xbb\xbf", b" " * 9, b"\x00", b")]}'\n", b"data: ")[change.value % 5] + body


def _after(body: bytes, change: Change) -> bytes:
    return body + (b"}", b"\x00", b"\n" * 9, body, b"\xff", b",")[change.value % 6]


def _encode(body: bytes, change: Change) -> bytes:
    encoding = ("utf-16", "utf-16-le", "utf-32", "utf-7")[change.value % 4]
    return body.decode("utf-8", "replace").encode(encoding, "replace")


_BYTES: dict[str, Callable[[bytes, Change], bytes]] = {
    "cut": _cut,
    "byte": _byte,
    "before": _before,
    "after": _after,
    "encode": _encode,
}


def _around(case: Case, change: Change) -> Case:
    match change.kind:
        case "tail":
            return replace(case, target=case.target + _TAILS[change.value % len(_TAILS)])
        case "segment":
            parts = case.target.split(b"/")
            tail = _TAILS[change.value % len(_TAILS)]
            parts[change.place % len(parts)] = (tail, b"", b"x", b"kilonova.echo-v1:0")[
                change.value % 4
            ]
            return replace(case, target=b"/" + b"/".join(parts).lstrip(b"/"))
        case "header":
            header = _HEADERS[change.value % len(_HEADERS)]
            kept = tuple(one for one in case.headers if one[0] != header[0])
            access = "nobody" if header[0] == b"authorization" else case.access
            return replace(case, headers=(*kept, header), access=access)
        case "drop":
            return replace(case, access="nobody", headers=())
        case _:
            return replace(case, method=_METHODS[change.value % len(_METHODS)])
