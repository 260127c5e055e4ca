"""The OpenAPI 3.1 document of the admin API, written from the table of operations."""

import re
from typing import Any

import msgspec
from msgspec import Struct

from kilonova.admin.desk_operations import DESK_OPERATIONS
from kilonova.admin.operations import OPENAPI_PATH, OPERATIONS, Operation
from kilonova.admin.schema import Failure

__all__ = ["openapi"]

_ALL = (*OPERATIONS, *DESK_OPERATIONS)
_REFERENCE = "#/components/schemas/{name}"


def openapi(version: str) -> dict[str, Any]:
    """The whole document, as JSON values."""
    types = {kind for operation in _ALL for kind in _json_types(operation)}
    ordered = [*sorted(types, key=lambda kind: kind.__name__), Failure]
    _, components = msgspec.json.schema_components(ordered, ref_template=_REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kilonova admin API",
            "version": version,
            "description": "The operator's control plane. Vendor wires are served beside it.",
        },
        "security": [{"operator": []}, {"member": []}],
        "paths": _paths(),
        "components": {
            # Defaults that are tuples are lists in JSON.
            "schemas": msgspec.json.decode(msgspec.json.encode(components)),
            "securitySchemes": {
                "operator": {"type": "http", "scheme": "bearer"},
                "member": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "kn_session",
                    "description": "With the port behind it, where the address has one "
                    "(kn_session_8040), and __Host- before it over HTTPS.",
                },
            },
        },
    }


def _json_types(operation: Operation[Struct]) -> list[type[Struct]]:
    return [kind for kind in (operation.body, operation.answer) if kind is not None]


def _paths() -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in _ALL:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation)
    paths[OPENAPI_PATH] = {
        "get": {
            "operationId": "openapi",
            "summary": "This document.",
            "responses": {"200": _content("The document.", {"type": "object"}), **_failures()},
        }
    }
    return paths


def _describe(operation: Operation[Struct]) -> dict[str, Any]:
    answer = _content("The answer.", _reference(operation.answer))
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {str(operation.status): answer, **_failures()},
    }
    parameters = [*_path_parameters(operation), *_query_parameters(operation)]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        content = {"application/json": {"schema": _reference(operation.body)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _path_parameters(operation: Operation[Struct]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]


def _query_parameters(operation: Operation[Struct]) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    _, components = msgspec.json.schema_components([operation.query])
    properties: dict[str, Any] = components[operation.query.__name__]["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in properties.items()
    ]


def _reference(kind: type[Struct]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(name=kind.__name__)}


def _content(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _failures() -> dict[str, Any]:
    return {"default": _content("An error.", _reference(Failure))}
