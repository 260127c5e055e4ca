"""The OpenAPI document against the server that it describes."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from kilonova.admin.desk_operations import DESK_OPERATIONS
from kilonova.admin.openapi import openapi
from kilonova.admin.operations import OPENAPI_PATH, OPERATIONS
from kilonova.admin.plane import ControlPlane
from unit.admin.installation import Office

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "admin-api.md"


def test_the_document_is_valid() -> None:
    """Protects client generators: it is OpenAPI 3.1, whole."""
    validate(openapi("9.9.9"))


async def test_the_served_document_is_the_generated_one(office: Office) -> None:
    """Protects readers of /kn/v1/openapi.json."""
    status, document = await office.call("GET", OPENAPI_PATH)
    assert (status, document) == (200, openapi("9.9.9"))


def test_the_table_is_the_control_plane() -> None:
    """Protects the face: each operation is a method of the control plane, and the reverse."""
    methods = {name for name in vars(ControlPlane) if not name.startswith("_")}
    assert {operation.name for operation in OPERATIONS} == methods


def _documented() -> list[tuple[str, str]]:
    paths: dict[str, dict[str, Any]] = openapi("9")["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def test_every_route_is_documented() -> None:
    """Protects the document from drifting away from the table."""
    table = (*OPERATIONS, *DESK_OPERATIONS)
    routes = {(operation.method, operation.path) for operation in table}
    assert set(_documented()) == routes | {("GET", OPENAPI_PATH)}


@pytest.mark.parametrize(("method", "path"), _documented())
def test_every_route_is_in_the_manual(method: str, path: str) -> None:
    """Protects readers of docs/reference/admin-api.md, parameters and fields included."""
    line = next(each for each in PAGE.read_text().splitlines() if f"`{method} {path}`" in each)
    described = openapi("9")["paths"][path][method.lower()]
    names = [each["name"] for each in described.get("parameters", []) if each["in"] == "query"]
    for operation in (*OPERATIONS, *DESK_OPERATIONS):
        if (operation.method, operation.path) == (method, path) and operation.body is not None:
            names += operation.body.__struct_encode_fields__
    assert [name for name in names if f"`{name}`" not in line] == []


_BODIES: dict[str, dict[str, Any]] = {
    "/kn/v1/organisations": {"name": "acme"},
    "/kn/v1/projects": {"name": "lab"},
    "/kn/v1/keys": {"limits": {"budget": "3"}},
    "/kn/v1/limits/{id}": {"requests_per_minute": 4},
    "/kn/v1/adjustments": {"kind": "credit", "amount": "1", "reason": "welcome"},
    "/kn/v1/closings": {"period": "2026-11"},
    "/kn/v1/plans": {
        "model": "llama-3.1-8b",
        "workload": {"rate": 5, "input_tokens": 800, "output_tokens": 200},
        "supply": {"accelerators": ["h100"]},
        "wishes": {"arrivals": 0},
    },
}
_QUERIES = {
    "/kn/v1/invoices/{id}": "?period=2026-11",
    "/kn/v1/exports/focus": "?from=2026-11-01&to=2026-12-01",
}
# Whose invoice it is, and which request; everything else is asked about a key.
_IDS = {"/kn/v1/invoices/{id}": "default", "/kn/v1/requests/{id}": "req_1"}


# The desk's own routes are asked by members, in test_rights.py.
_DESK = {(operation.method, operation.path) for operation in DESK_OPERATIONS}


@pytest.mark.parametrize(
    ("method", "path"), [route for route in _documented() if route not in _DESK]
)
async def test_every_documented_route_answers_as_it_says(
    office: Office, method: str, path: str
) -> None:
    """Protects clients: the answer has the status and the schema of the document."""
    _, keys = await office.call("GET", "/kn/v1/keys")
    key_id = keys["data"][0]["id"]
    await office.book(key_id, request_id="req_1")
    if path == "/kn/v1/closings":
        office.clock.now += 10 * 86_400
    if path == "/kn/v1/plans/{id}":
        _, made = await office.call("POST", "/kn/v1/plans", body=_BODIES["/kn/v1/plans"])
        key_id = made["id"]
    target = path.replace("{id}", _IDS.get(path, key_id)) + _QUERIES.get(path, "")
    status, body = await office.call(method, target, body=_BODIES.get(path, {}))
    document = openapi("9")
    responses = document["paths"][path][method.lower()]["responses"]
    assert str(status) in responses, body
    schema = responses[str(status)]["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(body)


async def test_an_error_has_its_documented_form(office: Office) -> None:
    """Protects clients that read errors."""
    _, body = await office.call("GET", "/kn/v1/status", token=None)
    schema = {"$ref": "#/components/schemas/Failure", "components": openapi("9")["components"]}
    jsonschema.validate(body, schema)
