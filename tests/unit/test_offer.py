"""What an installation offers, from its configuration and its model files."""

from pathlib import Path
from typing import Any

import pytest

from engines.embedding_files import write_tiny_encoder
from engines.engine_files import THINKING_TEMPLATE, write_tiny_model
from kilonova.catalog.catalog import PACKAGED_WEIGHTS
from kilonova.offer import plan_offer
from kilonova.settings import Settings, SettingsError

SPARK = PACKAGED_WEIGHTS / "spark-v1.gguf"


def test_the_box_works_without_a_line_of_configuration() -> None:
    """Protects the first start."""
    offer = plan_offer(Settings())
    assert [plan.name for plan in offer.engines] == ["spark", "embed", "echo"]
    assert offer.catalog.find("spark").engine == "spark"


def test_one_entry_serves_any_model_file() -> None:
    """Protects "one line of configuration": name, context and abilities come from the file."""
    offer = plan_offer(Settings(engines={"mine": {"kind": "llamacpp", "model": str(SPARK)}}))
    model = offer.catalog.find("local.spark-v1")
    assert offer.catalog.find("spark-v1") is model
    assert (model.engine, model.context_tokens) == ("mine", 2048)
    assert model.can("tools")


def test_a_model_file_on_the_command_line_is_offered_beside_the_rest() -> None:
    """Protects ``serve --model``."""
    offer = plan_offer(Settings(), SPARK)
    assert offer.catalog.find("local.spark-v1").engine == "file"


def test_a_packaged_engine_can_be_changed_or_left_out() -> None:
    """Protects small machines."""
    settings = Settings(engines={"spark": {"threads": 2}, "echo": {"enabled": False}})
    offer = plan_offer(settings)
    assert [plan.name for plan in offer.engines] == ["spark", "embed"]
    assert offer.engines[0].options["threads"] == 2
    assert "kilonova.echo-v1:0" not in [model.id for model in offer.catalog.models]


def test_whoever_takes_the_first_model_can_talk_to_it() -> None:
    """Protects pickers: what makes vectors comes after what chats, and the test engine last."""
    models = plan_offer(Settings()).catalog.models
    assert (models[0].id, models[-1].id) == ("kilonova.spark-v1:0", "kilonova.echo-v1:0")
    assert "kilonova.embed-v1:0" in [model.id for model in models[1:-1]]


def test_an_embedding_model_needs_one_entry_too(tmp_path: Path) -> None:
    """Protects search over one's own model: the file says that it makes vectors."""
    path = write_tiny_encoder(tmp_path / "Mini.gguf")
    offer = plan_offer(Settings(engines={"mini": {"kind": "llamacpp", "model": str(path)}}))
    model = offer.catalog.find("local.mini")
    assert (model.abilities, model.native_body) == (("embeddings",), "text-embeddings")
    assert model.context_tokens == 64


def test_a_file_is_offered_with_what_it_can_do(tmp_path: Path) -> None:
    """Protects a model without an entry: it claims thoughts and eyes where it has them."""
    thinking = write_tiny_model(tmp_path / "Thinks.gguf", template=THINKING_TEMPLATE)
    plain = write_tiny_model(tmp_path / "Plain.gguf")
    engines: dict[str, dict[str, str]] = {
        "one": {"kind": "llamacpp", "model": str(thinking), "projector": "/eyes.gguf"},
        "two": {"kind": "llamacpp", "model": str(plain)},
    }
    catalog = plan_offer(Settings(engines=engines)).catalog
    every = {"chat", "tools", "json", "logprobs", "completion", "prefill"}
    assert set(catalog.find("local.thinks").abilities) == every | {"reasoning", "vision"}
    assert catalog.find("local.thinks").thinking_controls == ("switch", "effort", "budget")
    assert set(catalog.find("local.plain").abilities) == every


def test_a_configured_model_replaces_the_packaged_entry() -> None:
    """Protects operators who set their own prices."""
    entry = {"engine": "spark", "price": {"input": "2", "output": "3", "version": "ours"}}
    offer = plan_offer(Settings(models={"kilonova.spark-v1:0": entry}))
    assert offer.catalog.find("kilonova.spark-v1:0").price.version == "ours"


@pytest.mark.parametrize(
    ("engines", "words"),
    [
        ({"a": {"model": "x"}}, "engines.a.kind"),
        ({"a": {"kind": "llamacpp", "model": "/nowhere.gguf"}}, "engines.a.model.*cannot be read"),
        ({"a": {"kind": "llamacpp", "model": __file__}}, "not a usable GGUF file"),
    ],
)
def test_mistakes_are_named(engines: dict[str, dict[str, str]], words: str) -> None:
    """Protects operators from a server that starts without their model."""
    with pytest.raises(SettingsError, match=words):
        plan_offer(Settings(engines=engines))


def test_a_file_that_is_no_model_is_a_sentence(tmp_path: Path) -> None:
    """Protects the machine: the file is refused before any C++ sees it."""
    file = tmp_path / "x.gguf"
    file.write_bytes(b"GGUF" + b"\xff" * 100)
    with pytest.raises(SettingsError, match="not a usable GGUF file"):
        plan_offer(Settings(), file)


def test_models_have_further_names() -> None:
    """Protects programs whose models have other clouds' names: an alias is a name everywhere."""
    names = {"gpt-4o": "echo", "my-gpt": "kilonova.echo-v1:0"}
    catalog = plan_offer(Settings(aliases=names)).catalog
    assert {catalog.find(name).id for name in names} == {"kilonova.echo-v1:0"}
    with pytest.raises(SettingsError, match='aliases."gpt-4o": The model'):
        plan_offer(Settings(aliases={"gpt-4o": "nothing"}))
    with pytest.raises(SettingsError, match="'echo' belongs to"):
        plan_offer(Settings(aliases={"echo": "kilonova.spark-v1:0"}))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"native_body": "foo"}, "native_body.*known: anthropic-messages, .*titan-text"),
        ({"abilities": ["chat", "dance"]}, "abilities.*known: chat, tools, json"),
        ({"native_body": "text-embeddings"}, "native_body: 'text-emb.*' needs the ability 'embed"),
        ({"native_body": "llama", "abilities": ["embeddings"]}, "'llama' needs the ability 'chat'"),
    ],
)
def test_a_body_that_a_model_cannot_serve_is_refused(entry: dict[str, Any], words: str) -> None:
    """Protects operators: what every request would fail on fails at the start, with the choices."""
    with pytest.raises(SettingsError, match=words):
        plan_offer(Settings(models={"mine": {"engine": "echo", **entry}}))
