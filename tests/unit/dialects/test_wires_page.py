"""docs/reference/wires.md says what the dialects' own lists say.

``KILONOVA_WRITE_DOCS=1 pytest tests/unit/dialects/test_wires_page.py`` writes the page anew.
"""

import os
from pathlib import Path

from kilonova.dialects.anthropic import parameters as anthropic
from kilonova.dialects.bedrock import support
from kilonova.dialects.gemini import schema as gemini_schema
from kilonova.dialects.gemini import support as gemini
from kilonova.dialects.openai import parameters

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "wires.md"

HEAD = """# Wires

What each wire's requests may hold: honoured, ignored (a harmless hint; the answer lists it in the header
`x-kilonova-ignored`) or refused by name. This page is written from the lists that the code itself uses.

All wires listen on the same port. Every answer carries `x-kilonova-request-id`; whole answers carry
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

ANTHROPIC = """
## Anthropic

Base URL `http://HOST:8040` (also `/anthropic`): `POST /v1/messages`, `POST /v1/messages/count_tokens`, `GET /v1/models`,
`GET /v1/models/{id}`; the list of models has this form for requests with an `anthropic-version`, whichever it is.
Credentials: `Authorization: Bearer kn_live_…`, `x-api-key`, `api-key`, or a SigV4 signature. Where clouds serve this wire:
`/v1/projects/P/locations/L/publishers/anthropic/models/M:rawPredict` (`:streamRawPredict`), `/model/M/invoke`
(`/invoke-with-response-stream`) for Anthropic's own SDK, and `/anthropic/v1/messages`.

Parameters of `POST /v1/messages`:
"""

BEDROCK = """
## Amazon Bedrock

Endpoint `http://HOST:8040` (also `/bedrock`): Converse, ConverseStream, InvokeModel, InvokeModelWithResponseStream,
CountTokens, ListFoundationModels, GetFoundationModel; any other operation is `UnknownOperationException`. Credentials:
SigV4 with an access key pair, any region, or `Authorization: Bearer kn_live_…`. Model ids may be bare, carry a profile
prefix (`us.`, `eu.`, `global.` …) or be ARNs.

The body of InvokeModel depends on the model. Kilonova's own models take `messages-v1`:
`{"messages": [{"role": "user", "content": [{"text": "Hello"}]}], "inferenceConfig": {"maxTokens": 10}}`; all others take the
body of a chat completion. A model that makes vectors takes `text-embeddings`: see [embeddings](embeddings.md). The price of a streamed answer is in `GET /kn/v1/requests`.

| shape | honoured | ignored | refused |
|---|---|---|---|
"""

GEMINI = """
## Gemini and Vertex AI

Base URL `http://HOST:8040` (also `/gemini`): `POST /v1beta/models/M:generateContent`, `:streamGenerateContent` (events with
`?alt=sse`, one JSON array without), `:countTokens`, `:embedContent`, `:batchEmbedContents`, `GET /v1beta/models`,
`GET /v1beta/models/M`; the versions `v1`, `v1alpha` and `v1beta1`, too, where `GET /v1/models` has this form for requests
with `x-goog-api-key`, `x-goog-api-client` or `?key=`. Vertex AI: the same under `/v1beta1/projects/P/locations/L/publishers/google/`,
without the project (express mode), and `:predict` for vectors. Credentials: `x-goog-api-key: kn_live_…`, `?key=` or
`Authorization: Bearer`. Names may be in camel case or in snake case. `candidateCount` is 1, `responseMimeType` is
`text/plain` or `application/json`, `inlineData` is an image. A prompt
that a guardrail refused is answered without candidates, with a `promptFeedback`.

| message | honoured | ignored | refused |
|---|---|---|---|
"""


def _gemini() -> list[str]:
    lines = [GEMINI]
    for name in gemini_schema.__all__:
        kind = getattr(gemini_schema, name)
        if isinstance(kind, type):
            row = (
                _code(gemini.honoured(kind)),
                _code(gemini.IGNORED.get(name, {})),
                _code(gemini.REFUSED.get(name, {})),
            )
            lines.append(f"| `{name}` | {row[0]} | {row[1]} | {row[2]} |\n")
    return lines


def _code(names: object) -> str:
    return ", ".join(f"`{name}`" for name in names) or "–"  # type: ignore[attr-defined]


def _anthropic() -> list[str]:
    ignored = anthropic.IGNORED | anthropic.IGNORED_WITHIN
    refused = anthropic.REFUSED | {f"`{k}` blocks": v for k, v in anthropic.BLOCKS_REFUSED.items()}
    lines = [ANTHROPIC, f"- honoured: {_code(sorted(anthropic.HONOURED))}\n", "- ignored:\n"]
    lines += [f"  - `{name}`: {why}\n" for name, why in sorted(ignored.items())]
    lines.append("- refused:\n")
    for name, why in sorted(refused.items()):
        lines.append(f"  - {name if ' ' in name else _code([name])}: {why}\n")
    lines.append("  - tools of the vendor's own (`web_search_…`, `bash_…`): they do not run here\n")
    lines.append("  - images by `url` or `file`, images in tool results, a conversation that ends ")
    lines.append("with the assistant's turn\n")
    return lines


def render() -> str:
    lines = [HEAD, OPENAI]
    lines.append(f"- honoured: {_code(sorted(parameters.HONOURED))}\n")
    lines.append("- ignored:\n")
    lines += [f"  - `{name}`: {why}\n" for name, why in sorted(parameters.IGNORED.items())]
    lines.append("- refused:\n")
    lines += [f"  - `{name}`: {why}\n" for name, why in sorted(parameters.REFUSED.items())]
    lines += _anthropic()
    lines.append(BEDROCK)
    for shape in sorted(support.HONOURED | support.IGNORED | support.REFUSED):
        row = (
            _code(support.HONOURED.get(shape, ())),
            _code(support.IGNORED.get(shape, ())),
            _code(support.REFUSED.get(shape, {})),
        )
        lines.append(f"| `{shape}` | {row[0]} | {row[1]} | {row[2]} |\n")
    lines += _gemini()
    return "".join(lines)


def test_the_page_is_what_the_code_does() -> None:
    """Protects readers from a page that promises what is refused, or hides what is ignored."""
    if os.environ.get("KILONOVA_WRITE_DOCS"):
        PAGE.write_text(render())
    assert PAGE.read_text() == render()
