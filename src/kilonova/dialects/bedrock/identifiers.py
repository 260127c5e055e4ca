"""The many ways in which AWS's clients name a model, resolved against the catalogue.

A bare id or alias, an id with the prefix of a cross-region profile (`us.`, `global.`), or an ARN
of a foundation model or an inference profile.
"""

import re

from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.core.model import Model
from kilonova.gateway.gateway import Gateway

__all__ = ["arn", "find_model", "resolve_model"]

_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:[0-9]*:([a-z-]+)/(.+)")
_PROFILE = re.compile(r"(?:us-gov|us|eu|apac|ap|au|ca|jp|sa|me|af|global)\.(.+)")


def arn(model: Model, region: str) -> str:
    """The name of a model as the control plane gives it."""
    return f"arn:aws:bedrock:{region}::foundation-model/{model.id}"


def find_model(gateway: Gateway, identifier: str) -> Model:
    """Raises NotFound."""
    for name in _names(identifier):
        try:
            return gateway.model(name)
        except NotFound:
            continue
    return gateway.model(identifier)


def resolve_model(gateway: Gateway, identifier: str) -> Model:
    """As `find_model`, but a wrong id is a bad request: so does the runtime of AWS answer."""
    try:
        return find_model(gateway, identifier)
    except NotFound as error:
        raise InvalidRequest(
            f"The provided model identifier is invalid. {error.message}",
            param="modelId",
            reason="model_not_found",
        ) from None


def _names(identifier: str) -> list[str]:
    names = [identifier]
    match = _ARN.fullmatch(identifier)
    if match:
        names.append(match.group(2))
    profile = _PROFILE.fullmatch(names[-1])
    if profile:
        names.append(profile.group(1))
    return names
