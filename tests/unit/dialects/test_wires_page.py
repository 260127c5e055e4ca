"""docs/reference/wires.md says what the dialects' own lists say.

``KILONOVA_WRITE_DOCS=1 pytest tests/unit/dialects/test_wires_page.py`` writes the page anew.
"""

import os
from pathlib import Path
from types import ModuleType

from kilonova.dialects.anthropic import parameters as anthropic
from kilonova.dialects.azure import decode as azure
from kilonova.dialects.bedrock import support
from kilonova.dialects.gemini import schema as gemini_schema
from kilonova.dialects.gemini import support as gemini
from kilonova.dialects.openai import parameters
from kilonova.dialects.openai.completions import parameters as completions
from kilonova.dialects.openai.files import schema as files
from kilonova.dialects.openai.responses import parameters as responses

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "wires.md"

HEAD = """# Wires

What each wire's requests may hold: honoured, ignored (a harmless hint; the answer lists it in the header
`x-kilonova-ignored`) or refused by name. This page is written from the lists that the code itself uses.

All wires listen on the same port. Every answer carries `x-kilonova-request-id`; whole answers carry
`x-kilonova-price` in `x-kilonova-currency`, and what they took ([costs](../explanation/costs.md)); streams say it in a member
`kilonova` of their last event. Retries with the same `Idempotency-Key` (or
`amz-sdk-invocation-id`, which AWS SDKs send by themselves) are answered again and billed once;
`x-kilonova-replayed: true` says so. `x-kilonova-limited: budget` (or `tokens_per_minute`) says that a request without a limit of
its own could write less than the model may.
"""

OPENAI = """
## OpenAI

Base URL `http://HOST:8040/v1` (also `/openai/v1`): `POST /chat/completions`, `POST /completions`, `POST /embeddings`,
`POST /moderations`, `GET /models`, `GET /models/{id}`. Credentials: `Authorization: Bearer kn_live_…`. For a caller with limits per
minute `x-ratelimit-limit-requests`, `-remaining-requests`, `-reset-requests` and the same for `tokens` tell of the tightest of them, when
the request was admitted or refused. A conversation that ends with the assistant's turn is answered with a new one, unless
`prefix` says otherwise. `reasoning_effort` and `thinking` are listed as ignored where the model has no such choice.

Parameters of `POST /chat/completions`:
"""

COMPLETIONS = """
Parameters of `POST /completions`, for models that can go on with a raw prompt. Up to 128 answers to all prompts together; each prompt is
a request of its own in the books, they run one after the other, and what ran is billed when a later one is refused. Without `max_tokens` an answer has 16:
"""

MODERATIONS = """
`POST /moderations` is read by [Sentry](sentry.md) and honours `input` (a text, several, or the parts of one; images are refused) and
`model`. OpenAI's own categories are not assessed and therefore `null`: [decision 0012](../decisions/0012-what-is-not-assessed-is-null.md).
"""

FILES = """
`/files` keeps files of up to 25 MB (`limits.file_bytes_max`), sealed on disk, for the caller's project: `POST`, `GET`, `GET /files/{id}`,
`GET /files/{id}/content`, `DELETE /files/{id}`. Each upload is a new file; an `Idempotency-Key` is listed as ignored. Files stay until they
are deleted or expire (`expires_after`); those for `batch` expire after 30 days. Files for `batch` and `fine-tune` must be called
`….jsonl`; what is in them is read when it is used. Every purpose may be downloaded again. A project that keeps all that it may
(`limits.kept_items_max`, `limits.kept_bytes_max`) gets 429 `insufficient_quota`. `/uploads` (files in parts) is refused by name. Anthropic's
files, which have the same path and an `anthropic-version`, are refused by name.
"""

DEEPSEEK = """
## DeepSeek

Base URL `http://HOST:8040` (also `/beta`, `/deepseek`, `/deepseek/v1`, `/deepseek/beta`): `POST /chat/completions`, `POST /completions`,
`GET /models`, `GET /models/{id}`, `GET /user/balance`; Anthropic's form of it below `/deepseek/anthropic`. Credentials:
`Authorization: Bearer kn_live_…`. Parameters are those of OpenAI's wire, DeepSeek's own among them. Different are: the usage also
says `prompt_cache_hit_tokens` and `prompt_cache_miss_tokens`; errors have DeepSeek's statuses and sentences, 402 where a budget is used up;
completions have no default length. `/user/balance` is the tightest budget of key, project and organisation less what is
spent and held; without one there are no `balance_infos`. `[aliases]` maps DeepSeek's names of models to those that run here. At
`http://HOST:8040/v1` the wire is OpenAI's: it takes all of DeepSeek's parameters and differs only in usage and errors. No keep-alive
comments are sent: until the first token an error still has its status.
"""

AZURE = """
## Azure OpenAI

Endpoint `http://HOST:8040` (also `/azure`, or `/azure/REGION` for one endpoint a region): every operation of OpenAI's wire at
`/openai/deployments/NAME/…` and at `/openai/…`, with any `api-version` (a date, `preview`, `latest`), and at `/openai/v1/…` without
one. A deployment is a model's id or one of its names: `[aliases]` gives models the names that callers have in their code. Credentials:
`api-key: kn_live_…` or the key as a bearer; tokens of Microsoft Entra ID are refused by name. `GET /openai/models` says what each
model can do. Nothing is filtered, so that answers carry neither `prompt_filter_results` nor `content_filter_results`; what a guardrail
refused is a `content_filter` error. Parameters are those of OpenAI's wire, and of Azure's own:
"""

RESPONSES = """
### Responses

`POST /responses` (whole or streamed), `GET` and `DELETE /responses/{id}`, `GET /responses/{id}/input_items`, `POST /responses/input_tokens`. A
response is kept for `limits.response_kept_days` days in its caller's project, unless `store` is false, and gone on from with
`previous_response_id`; it is on disk before its last event is sent ([why so](../decisions/0014-a-response-keeps-its-own-turn.md)). One
that breaks, or whose client leaves, is not kept. The thinking of a model is an item `reasoning`; with `reasoning.summary` all
of it stands in the summary. Images and files of text may be sent by `file_id`. `truncation: auto` drops the oldest exchanges of a conversation that is too long. Refused by name:
`POST /responses/compact`, `POST /responses/{id}/cancel`, `GET /responses/{id}?stream=true`.

"""

ANTHROPIC = """
## Anthropic

Base URL `http://HOST:8040` (also `/anthropic`): `POST /v1/messages`, `POST /v1/messages/count_tokens`, `GET /v1/models`,
`GET /v1/models/{id}`; the list of models has this form for requests with an `anthropic-version`, whichever it is.
Credentials: `Authorization: Bearer kn_live_…`, `x-api-key`, `api-key`, or a SigV4 signature. Where clouds serve this wire:
`/v1/projects/P/locations/L/publishers/anthropic/models/M:rawPredict` (`:streamRawPredict`) and `/anthropic/v1/messages`;
at AWS's `/model/M/invoke` messages are one of the [native bodies](native-bodies.md), and failures have AWS's form. Batches and
files are refused by name.

Models that think answer with `thinking` blocks. Their signature is made here, with a key of the installation's own: a block
that was changed, or that another service made, is refused. With `display: "omitted"` the signature carries the thoughts, and
the model reads them when the block comes back. A conversation that ends with the assistant's turn is continued from its last
character. Where a key has limits per minute, `anthropic-ratelimit-requests-…` and `-tokens-…` say what is left.

Parameters of `POST /v1/messages`:
"""

BEDROCK = """
## Amazon Bedrock

Endpoint `http://HOST:8040` (also `/bedrock`): Converse, ConverseStream, InvokeModel, InvokeModelWithResponseStream,
CountTokens, [ApplyGuardrail, InvokeGuardrailChecks](guardrails.md), [StartAsyncInvoke, GetAsyncInvoke,
ListAsyncInvokes](async-invoke.md), ListFoundationModels, GetFoundationModel; any other operation is
`UnknownOperationException`. Credentials: SigV4 with an access key pair, any region, or `Authorization: Bearer kn_live_…`. Model
ids may be bare, carry a profile prefix (`us.`, `eu.`, `global.` …) or be ARNs.

Models that are not `has_strict_turns` take turns of one role in a row, text beside tool results, and a last turn of the
assistant, from whose end the answer goes on. Thoughts come with a signature and are refused when they come back changed. How much
to think may be said in any family's words within `additionalModelRequestFields` (`thinking`, `reasoning_config`,
`reasoningConfig`, `reasoning_effort`, `reasoning`, `output_config`) or as `outputConfig.effort`; `top_k`, `seed` and penalties
stand there, too, and what is not known there is ignored. `additionalModelResponseFieldPaths` may point to `/stop_reason`,
`/stop_sequence` and `/usage/…`. There is one speed: the answer says `standard`,
another wish is ignored. The answer says which [service tier](prices.md#service-tiers) was sold; one that is not on sale is ignored.
A schema in `outputConfig` is refused for a keyword that no answer could be held to (`not`, `if`, `patternProperties`, `contains`,
`uniqueItems`, `multipleOf` and their like), for a name that is there twice, and for a `$ref` to elsewhere.

The body of InvokeModel depends on the model: see [native bodies](native-bodies.md). Kilonova's own models take `messages-v1`:
`{"messages": [{"role": "user", "content": [{"text": "Hello"}]}], "inferenceConfig": {"maxTokens": 10}}`; all others take the
body of a chat completion where their entry says nothing else. The price of a streamed answer is in `GET /kn/v1/requests`.

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
`text/plain`, `application/json` or `text/x.enum`, `inlineData` is an image. A prompt
that a guardrail refused is answered without candidates, with a `promptFeedback`. Caches, files, batches and tuned models are
refused by name. Under `/v1beta/openai` stands OpenAI's wire, as at Google's.

Models that think send a `thoughtSignature` with their first call, else with the last part. It carries the thoughts, shown or
not, and the model reads them when the part comes back; one that was changed, or that another service made, is refused. A
`thinkingBudget` or `thinkingLevel` that a model cannot honour is listed as ignored.

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


def _openai() -> list[str]:
    lines = [OPENAI, *_listed(parameters), *_within(parameters)]
    lines.append("- of relatives, and honoured unless it says otherwise:\n")
    lines += [f"  - `{name}`: {why}\n" for name, why in sorted(parameters.OWN.items())]
    return [
        *lines,
        COMPLETIONS,
        *_listed(completions),
        *_responses(),
        MODERATIONS,
        FILES,
        *_files(),
    ]


def _files() -> list[str]:
    return [f"- `{name}` honours {_code(fields)}\n" for name, fields in files.HONOURED.items()]


def _responses() -> list[str]:
    lines = [RESPONSES, *_listed(responses)]
    lines += [f"  - tools of any type but `function`: {responses.BUILT_IN}\n"]
    lines += [
        f"  - items of any type but {_code(responses.ITEMS)}, parts `input_audio`, files that are no text, "
    ]
    lines += ["images and files from the network, images in what a tool answers\n"]
    return lines + _within(responses)


def _within(of: ModuleType) -> list[str]:
    listed = sorted(of.IGNORED_WITHIN.items())
    return ["- ignored in places:\n", *(f"  - `{name}`: {why}\n" for name, why in listed)]


def _listed(of: ModuleType) -> list[str]:
    """The three lists of a module of parameters."""
    lines = [f"- honoured: {_code(sorted(of.HONOURED))}\n", "- ignored:\n"]
    lines += [f"  - `{name}`: {why}\n" for name, why in sorted(of.IGNORED.items())]
    lines.append("- refused:\n")
    lines += [f"  - `{name}`: {why}\n" for name, why in sorted(of.REFUSED.items())]
    return lines


def _azure() -> list[str]:
    lines = [AZURE, "- ignored:\n"]
    lines += [f"  - `{name}`: {why}\n" for name, why in sorted(azure.IGNORED.items())]
    lines.append("- refused:\n")
    lines += [f"  - `{name}`: {why}\n" for name, why in sorted(azure.REFUSED.items())]
    return lines


def _anthropic() -> list[str]:
    ignored = anthropic.IGNORED | anthropic.IGNORED_WITHIN
    refused = anthropic.REFUSED | {f"`{k}` blocks": v for k, v in anthropic.BLOCKS_REFUSED.items()}
    lines = [ANTHROPIC, f"- honoured: {_code(sorted(anthropic.HONOURED))}\n", "- ignored:\n"]
    lines += [f"  - `{name}`: {why}\n" for name, why in sorted(ignored.items())]
    lines.append("- refused:\n")
    for name, why in sorted(refused.items()):
        lines.append(f"  - {name if ' ' in name else _code([name])}: {why}\n")
    lines.append("  - tools of the vendor's own (`web_search_…`, `bash_…`): they do not run here\n")
    lines.append("  - images by `url` or `file`, images in tool results\n")
    return lines


def render() -> str:
    lines = [HEAD, *_openai()]
    lines += _azure()
    lines.append(DEEPSEEK)
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
