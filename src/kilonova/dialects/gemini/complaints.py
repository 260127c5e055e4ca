"""The JSON decoder's complaints about a request, in Google's words."""

import re

from kilonova.core.errors import InvalidRequest

__all__ = ["explain"]

_PATH = re.compile(r"(.*) - at `\$(.*)`", re.DOTALL)
_QUOTED = re.compile(r"`([^`]*)`")


def explain(complaint: str) -> InvalidRequest:
    """``complaint`` is the text of a ValidationError."""
    match = _PATH.fullmatch(complaint)
    what, path = (match[1], match[2].removeprefix(".")) if match else (complaint, "")
    quoted = _QUOTED.findall(what)
    if "unknown field" in what:
        name = quoted[0][:200] if quoted else ""
        place = f" at '{path}'" if path else ""
        return InvalidRequest(
            f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.',
            param=f"{path}.{name}".removeprefix("."),
        )
    if "required field" in what:
        param = f"{path}.{quoted[0]}".removeprefix(".")
        return InvalidRequest(f"{param}: {quoted[0]} is not specified.", param=param)
    reason = what.replace("`", "").replace(" | null", "")[:300]
    place = f" at '{path}'" if path else ""
    return InvalidRequest(f"Invalid value{place}: {reason}.", param=path or None)
