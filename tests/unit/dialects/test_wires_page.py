"""docs/reference/wires.md says what the dialects' own lists say.

``KILONOVA_WRITE_DOCS=1 pytest tests/unit/dialects/test_wires_page.py`` writes the page anew.
"""

import os
from pathlib import Path

from kilonova.dialects.bedrock import support
from kilonova.dialects.openai import parameters

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "wires.md"

HEAD = """# Wires

What each wire's requests may hold: honoured, ignored (a harmless hint; the answer lists it in the header
`x-kilonova-ignored`) or refused by name. This page is written from the lists that the code itself uses.

Both wires listen on the same port. Every answer carries `x-kilonova-request-id`; whole answers carry
`x-kilonova-price`, in the currency of the price list. Retries with the same `Idempotency-Key` (or
`amz-sdk-invocation-id`, which AWS SDKs send by themselves) are answered again and billed once;
`x-kilonova-replayed: true` says so.
"""

OPENAI = """
## OpenAI

Base URL `http://HOST:8040/v1` (also `/openai/v1`): `POST /chat/completions`, `POST /embeddings`, `GET /models`,
`GET /models/{id}`. Credentials: `Authorization: Bearer kn_live_…`.

Parameters of `POST /chat/completions`:
"""

BEDROCK = """
## Amazon Bedrock

Endpoint `http://HOST:8040` (also `/bedrock`): Converse, ConverseStream, InvokeModel, InvokeModelWithResponseStream,
CountTokens, ListFoundationModels, GetFoundationModel; any other operation is `UnknownOperationException`. Credentials:
SigV4 with an access key pair, any region, or `Authorization: Bearer kn_live_…`. Model ids may be bare, carry a profile
prefix (`us.`, `eu.`, `global.` …) or be ARNs.

The body of InvokeModel depends on the model. Kilonova's own models take `messages-v1`:
`{"messages": [{"role": "user", "content": [{"text": "Hello"}]}], "inferenceConfig": {"maxTokens": 10}}`; all others take the
body of a chat completion. The price of a streamed answer is in `GET /kn/v1/requests`.

| shape | honoured | ignored | refused |
|---|---|---|---|
"""


def _code(names: object) -> str:
    return ", ".join(f"`{name}`" for name in names) or "–"  # type: ignore[attr-defined]


def render() -> str:
    lines = [HEAD, OPENAI]
    lines.append(f"- honoured: {_code(sorted(parameters.HONOURED))}\n")
    lines.append("- ignored:\n")
    lines += [f"  - `{name}`: {why}\n" for name, why in sorted(parameters.IGNORED.items())]
    lines.append("- refused:\n")
    lines += [f"  - `{name}`: {why}\n" for name, why in sorted(parameters.REFUSED.items())]
    lines.append(BEDROCK)
    for shape in sorted(support.HONOURED | support.IGNORED | support.REFUSED):
        row = (
            _code(support.HONOURED.get(shape, ())),
            _code(support.IGNORED.get(shape, ())),
            _code(support.REFUSED.get(shape, {})),
        )
        lines.append(f"| `{shape}` | {row[0]} | {row[1]} | {row[2]} |\n")
    return "".join(lines)


def test_the_page_is_what_the_code_does() -> None:
    """Protects readers from a page that promises what is refused, or hides what is ignored."""
    if os.environ.get("KILONOVA_WRITE_DOCS"):
        PAGE.write_text(render())
    assert PAGE.read_text() == render()
