"""The everyday tools: their texts are sound, and what is held out is held out whole."""

import jsonschema
import pytest

from structure.conversation import Conversation
from structure.generators.domains import all_domains, clash, domains, make_domain_tool, problems
from structure.generators.draw import Draw, Split
from structure.generators.schemas import nested, nested_schema, styled
from structure.generators.tool_calls import make_bundle


@pytest.mark.parametrize("domain", all_domains(), ids=lambda domain: domain.names[0])
def test_texts_are_sound(domain: object) -> None:
    """No request names a slot that is not there or leaves a required one out."""
    assert problems(domain) == []


def test_domains_are_divided_whole() -> None:
    """A held-out function is unknown to training under any name."""
    trained = [domain.names[0] for domain in domains(Split.TRAIN)]
    heldout = [domain.names[0] for domain in domains(Split.HELDOUT)]
    assert len(heldout) >= 15
    assert len(trained) >= 200
    assert not any(clash(first, second) for first in heldout for second in trained)


@pytest.mark.parametrize("split", list(Split))
def test_calls_fit_their_schemas(split: Split) -> None:
    """The model is never taught a call that its own tool list forbids."""
    for domain in domains(split):
        for seed in range(8):
            draw = Draw(f"{domain.names[0]}/{seed}", split)
            offered = make_domain_tool(draw, domain, style="camel")
            wording = offered.ask(draw)
            jsonschema.validate(wording.call.arguments, offered.tool.parameters)
            assert "{" not in wording.text


def _bundles(count: int) -> list[list[Conversation]]:
    return [make_bundle(Draw(seed, Split.TRAIN)) for seed in range(count)]


def test_a_bundle_shares_its_tools() -> None:
    """Protects the shared opening: all conversations of a bundle show the same tools."""
    for bundle in _bundles(40):
        assert len({str(conversation.tools) for conversation in bundle}) == 1
        assert len(bundle) > len(bundle[0].tools)


def test_bundled_calls_fit_their_schemas() -> None:
    """Built tools with objects and lists are called as they declare."""
    for bundle in _bundles(120):
        schemas = {tool.name: tool.parameters for tool in bundle[0].tools}
        for conversation in bundle:
            for turn in conversation.turns:
                for call in turn.calls:
                    jsonschema.validate(call.arguments, schemas[call.name])


def test_nested_values_and_schemas_match() -> None:
    """A dotted slot becomes an object in both the schema and the call."""
    fields = [
        (("address", "city"), {"type": "string"}, True),
        (("note",), {"type": "string"}, False),
    ]
    schema = nested_schema(Draw(1, Split.TRAIN), fields)
    assert schema["required"] == ["address"]
    jsonschema.validate(nested([(("address", "city"), "Oslo")]), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"address": {}}, schema)


@pytest.mark.parametrize(
    ("style", "name"),
    [("snake", "due_date"), ("camel", "dueDate"), ("kebab", "due-date"), ("joined", "duedate")],
)
def test_naming_styles(style: str, name: str) -> None:
    """Names come in the four styles of real servers."""
    assert styled("due_date", style) == name
