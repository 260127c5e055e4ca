"""How a browser carries a session: a cookie that no script can read, and a header that no other
site can send. Both are wanted for whatever changes something or costs money.
"""

from urllib.parse import urlsplit

from kilonova.core.errors import Forbidden
from kilonova.core.identity import SessionCredential
from kilonova.web.message import Header, Request

__all__ = ["refuse_other_sites", "session_cookie", "session_of"]

# The prefix makes browsers refuse the cookie from another host, path or scheme.
_SECURE_NAME = "__Host-kn_session"
_NAME = "kn_session"
_TOKEN_LENGTH_MAX = 200


def session_of(request: Request) -> SessionCredential | None:
    """What the request says of its session, unproven; None where it has no session cookie."""
    cookies = _cookies(request)
    token = cookies.get(_SECURE_NAME) or cookies.get(_NAME)
    if not token or len(token) > _TOKEN_LENGTH_MAX:
        return None
    return SessionCredential(
        token=token,
        csrf=request.header(b"x-kilonova-csrf") or "",
        key_id=request.header(b"x-kilonova-key") or "",
    )


def session_cookie(token: str, *, is_secure: bool, kept_s: int) -> Header:
    """Sets the cookie; with an empty token it takes it away."""
    name = _SECURE_NAME if is_secure else _NAME
    secure = "; Secure" if is_secure else ""
    age = kept_s if token else 0
    value = f"{name}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"
    return (b"set-cookie", value.encode())


def refuse_other_sites(request: Request) -> None:
    """Raises Forbidden where the browser says that another site's page sent the request."""
    fetched = request.header(b"sec-fetch-site")
    origin, host = request.header(b"origin"), request.header(b"host")
    is_foreign = origin is not None and host is not None and urlsplit(origin).netloc != host
    if fetched not in (None, "same-origin", "none") or is_foreign:
        raise Forbidden("This is for the console's own pages.", reason="cross_site")


def _cookies(request: Request) -> dict[str, str]:
    """HTTP/2 clients may send several Cookie headers."""
    lines = [value for name, value in request.header_list if name == b"cookie"]
    pairs = b"; ".join(lines).decode("latin-1").split(";")
    return {
        name.strip(): value.strip()
        for name, equals, value in (pair.partition("=") for pair in pairs)
        if equals
    }
