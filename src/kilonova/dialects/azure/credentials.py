"""Where the credential sits in a request on Azure's wire: ``api-key``, or a bearer.

Clients send tokens of Microsoft Entra ID as bearers. A key of this installation may stand in their
place; the tokens themselves are refused by name, since nobody here can prove them.
"""

import re

from kilonova.core.errors import Unauthenticated
from kilonova.core.identity import BearerCredential
from kilonova.dialects.openai.credentials import call as openai_call
from kilonova.gateway.call import Call
from kilonova.web.message import Request

__all__ = ["DIALECT", "call"]

DIALECT = "azure"

_TOKEN = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]*")


def call(request: Request) -> Call:
    """The call as the gateway wants it. Raises Unauthenticated where there is no credential."""
    found = openai_call(request)
    shown = found.credential
    if isinstance(shown, BearerCredential) and _TOKEN.fullmatch(shown.token):
        raise Unauthenticated(
            "Access denied: tokens of Microsoft Entra ID cannot be checked here. Send a key of "
            "this installation, as 'api-key' or in place of the token.",
            reason="malformed",
        )
    return found
