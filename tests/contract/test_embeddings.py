"""Vectors over a running server with the official SDKs: the packaged model, and a GGUF file."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import openai
import pytest

from engines.embedding_files import write_tiny_encoder
from servers import Server, start_server

EMBED = "kilonova.embed-v1:0"
LOCAL = "local.tiny"


@pytest.fixture(scope="module")
def embedding_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One entry of configuration adds an embedding model of one's own."""
    home = tmp_path_factory.mktemp("home")
    model = write_tiny_encoder(home / "tiny.gguf")
    config = f'[engines.mine]\nkind = "llamacpp"\nmodel = "{model}"\n[prices]\nunpriced = "free"\n'
    server = start_server(home, config=config)
    try:
        key = server.new_key()
        server.bearer_key = key["bearer_key"]
        server.access_key_id = key["access_key_id"]
        server.secret_access_key = key["secret_access_key"]
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def client(embedding_server: Server) -> Iterator[openai.OpenAI]:
    url = f"{embedding_server.url}/v1"
    with openai.OpenAI(api_key=embedding_server.bearer_key, base_url=url) as one:
        yield one


@pytest.fixture(scope="module")
def runtime(embedding_server: Server) -> Any:
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=embedding_server.url,
        region_name="us-east-1",
        aws_access_key_id=embedding_server.access_key_id,
        aws_secret_access_key=embedding_server.secret_access_key,
    )


def test_the_packaged_model_finds_by_meaning(client: openai.OpenAI) -> None:
    """Protects the promise of the box: search works with no download, no key and no setting."""
    texts = ["List the files in a directory", "Resize an image", "Show the running processes"]
    answer = client.embeddings.create(model="embed", input=[*texts, "see what a folder holds"])
    vectors = np.array([one.embedding for one in answer.data])
    assert vectors.shape == (4, 256)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert int((vectors[:3] @ vectors[3]).argmax()) == 0
    assert answer.model == EMBED
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 15


def test_dimensions_are_the_first_numbers(client: openai.OpenAI) -> None:
    """Protects indexes of cut vectors, and the error for more dimensions than there are."""
    whole = client.embeddings.create(model=EMBED, input="a folder", encoding_format="float")
    cut = client.embeddings.create(model=EMBED, input="a folder", dimensions=64)
    first = whole.data[0].embedding[:64]
    length = math.hypot(*first)
    assert cut.data[0].embedding == pytest.approx([one / length for one in first], abs=1e-6)
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=EMBED, input="a", dimensions=1536)
    assert caught.value.param == "dimensions"
    assert "at most 256" in caught.value.message


@pytest.mark.parametrize("model", [EMBED, LOCAL])
def test_a_batch_equals_single_calls(client: openai.OpenAI, model: str) -> None:
    """Protects indexes that are filled in batches and asked one text at a time."""
    texts = [f"text number {number} of the cat" for number in range(40)]
    together = client.embeddings.create(model=model, input=texts)
    alone = client.embeddings.create(model=model, input=texts[33])
    assert together.data[33].embedding == pytest.approx(alone.data[0].embedding, abs=2e-3)
    assert [one.index for one in together.data] == list(range(40))


def test_too_long_a_text_is_refused_with_both_numbers(client: openai.OpenAI) -> None:
    """Protects callers from silent cuts, on both kinds of engine."""
    for model, words in ((EMBED, 8_193), (LOCAL, 65)):
        with pytest.raises(openai.BadRequestError) as caught:
            client.embeddings.create(model=model, input=["short", "the " * words])
        assert caught.value.code == "context_length_exceeded"
        assert str(words if model == EMBED else words + 2) in caught.value.message
        assert str(8192 if model == EMBED else 64) in caught.value.message


def test_chat_and_vectors_are_not_mixed_up(client: openai.OpenAI) -> None:
    """Protects callers who name the wrong model."""
    for model in (EMBED, LOCAL):
        with pytest.raises(openai.BadRequestError, match="supports: embeddings"):
            client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "hi"}]
            )
    with pytest.raises(openai.BadRequestError, match="does not support embeddings"):
        client.embeddings.create(model="spark", input="x")


def test_vectors_are_on_the_books(embedding_server: Server, client: openai.OpenAI) -> None:
    """Protects the ledger: one record, input tokens only, at the price of the catalogue."""
    raw = client.embeddings.with_raw_response.create(model=EMBED, input="one two three")
    request_id = raw.headers["x-request-id"]
    (record,) = [
        one
        for one in embedding_server.admin("GET", "/requests")["data"]  # type: ignore[attr-defined]
        if one["id"] == request_id
    ]
    assert record["model_id"] == EMBED
    assert record["outcome"] == "completed"
    assert record["output_tokens"] == 0
    assert record["input_tokens"] == raw.parse().usage.prompt_tokens
    assert raw.headers["x-kilonova-price"] == "0.000000006"
    audit = embedding_server.admin("GET", "/ledger/verify")
    assert audit["problems"] == []


@pytest.mark.parametrize("model", [EMBED, LOCAL])
def test_invoke_model_makes_vectors(runtime: Any, model: str) -> None:
    """Protects applications written for the embedding models of AWS."""
    body = {"inputText": "the cat", "embeddingTypes": ["float", "binary"]}
    answer = runtime.invoke_model(modelId=model, body=json.dumps(body))
    found = json.loads(answer["body"].read())
    size = 256 if model == EMBED else 32
    assert len(found["embedding"]) == len(found["embeddingsByType"]["binary"]) == size
    assert math.hypot(*found["embedding"]) == pytest.approx(1, abs=1e-4)
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-input-token-count"] == str(found["inputTextTokenCount"])
    raw = runtime.invoke_model(
        modelId=model, body=json.dumps({"inputText": "the cat", "normalize": False})
    )
    assert math.hypot(*json.loads(raw["body"].read())["embedding"]) != pytest.approx(1, abs=1e-3)


def test_invoke_model_refuses_by_name(runtime: Any) -> None:
    """Protects callers of the larger models, whose default of dimensions is more than there are."""
    with pytest.raises(runtime.exceptions.ValidationException, match="at most 256"):
        runtime.invoke_model(modelId=EMBED, body=json.dumps({"inputText": "a", "dimensions": 1024}))
    with pytest.raises(runtime.exceptions.ValidationException, match="only asked by InvokeModel"):
        runtime.invoke_model_with_response_stream(
            modelId=EMBED, body=json.dumps({"inputText": "a"})
        )


def test_the_model_file_is_the_one_that_was_measured() -> None:
    """Protects the card: its figures are about the weights in the package."""
    from kilonova.catalog.catalog import PACKAGED_WEIGHTS

    line = (PACKAGED_WEIGHTS / "embed-v1.sha256").read_text().split()
    card = (PACKAGED_WEIGHTS / "embed-v1.json").read_text()
    assert line[1] == Path("embed-v1.safetensors").name
    assert line[0] in card
