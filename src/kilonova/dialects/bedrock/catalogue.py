"""The control plane's operations ListFoundationModels and GetFoundationModel."""

from collections.abc import Mapping

from kilonova.core.model import Model
from kilonova.dialects.bedrock.credentials import call, region
from kilonova.dialects.bedrock.headers import plain_headers
from kilonova.dialects.bedrock.identifiers import arn, find_model
from kilonova.dialects.wire.aws_model import Operation, WireResponse
from kilonova.dialects.wire.aws_request import WireRequest
from kilonova.gateway.gateway import Gateway
from kilonova.web.endpoint import Answer
from kilonova.web.message import Request, Response

__all__ = ["CatalogueHandlers"]

_INFERENCE = "ON_DEMAND"


class CatalogueHandlers:
    """Handlers, each for one operation of AWS's description."""

    def __init__(self, gateway: Gateway, operations: Mapping[str, Operation]) -> None:
        self._gateway = gateway
        self._list = operations["ListFoundationModels"]
        self._get = operations["GetFoundationModel"]

    async def list_models(self, request: Request) -> Answer:
        """Every model on offer that fits the filters in the query."""
        self._gateway.authorise(call(request))
        wanted = self._list.parse(WireRequest({}, request.query.decode("latin-1"), {}, b""))
        where = region(request)
        entries = [_entry(model, where) for model in self._gateway.models()]
        summaries = [entry for entry in entries if _fits(entry, wanted)]
        return _answer(request, self._list.respond({"modelSummaries": summaries}))

    async def get_model(self, request: Request) -> Answer:
        """One model, by any of its names."""
        self._gateway.authorise(call(request))
        model = find_model(self._gateway, request.captures[0])
        details = _entry(model, region(request))
        return _answer(request, self._get.respond({"modelDetails": details}))


def _entry(model: Model, where: str) -> dict[str, object]:
    inputs = ["TEXT", "IMAGE"] if model.can("vision") else ["TEXT"]
    return {
        "modelArn": arn(model, where),
        "modelId": model.id,
        "modelName": model.name,
        "providerName": model.provider,
        "inputModalities": inputs,
        "outputModalities": _outputs(model),
        "responseStreamingSupported": model.can("chat"),
        "customizationsSupported": [],
        "inferenceTypesSupported": [_INFERENCE],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def _outputs(model: Model) -> list[str]:
    text = ["TEXT"] if model.can("chat") else []
    return text + (["EMBEDDING"] if model.can("embeddings") else [])


def _fits(entry: dict[str, object], wanted: Mapping[str, object]) -> bool:
    provider = str(wanted.get("byProvider", entry["providerName"]))
    if provider.lower() != str(entry["providerName"]).lower():
        return False
    return all(
        name not in wanted or wanted[name] in _items(entry[member])
        for name, member in (
            ("byOutputModality", "outputModalities"),
            ("byCustomizationType", "customizationsSupported"),
            ("byInferenceType", "inferenceTypesSupported"),
        )
    )


def _items(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


def _answer(request: Request, wire: WireResponse) -> Response:
    return Response(wire.status, wire.body, plain_headers(request))
