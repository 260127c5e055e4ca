"""How a browser carries a session: a cookie that no script can read, and a header that no other
site can send. Both are wanted for whatever changes something or costs money.

Browsers share cookies among the ports of a host, so the port is a part of their names: two servers
on one machine do not sign each other's people out.
"""

from urllib.parse import urlsplit

from kilonova.core.errors import Forbidden
from kilonova.core.identity import SessionCredential
from kilonova.web.message import Header, Request

__all__ = ["cookie_of", "refuse_other_sites", "session_cookie", "session_of", "set_cookie"]

# It makes browsers refuse the cookie from another host, path or scheme.
_SECURE_PREFIX = "__Host-"
_NAME = "kn_session"
_TOKEN_LENGTH_MAX = 200


def session_of(request: Request) -> SessionCredential | None:
    """What the request says of its session, unproven; None where it has no session cookie."""
    token = cookie_of(request, _NAME)
    if not token or len(token) > _TOKEN_LENGTH_MAX:
        return None
    return SessionCredential(
        token=token,
        csrf=request.header(b"x-kilonova-csrf") or "",
        key_id=request.header(b"x-kilonova-key") or "",
    )


def session_cookie(request: Request, token: str, *, is_secure: bool, kept_s: int) -> Header:
    """Sets the cookie of the session; with an empty token it takes it away."""
    return set_cookie(request, _NAME, token, is_secure=is_secure, kept_s=kept_s)


def cookie_of(request: Request, name: str) -> str | None:
    """What this server, at the port that the browser knows, keeps in the browser. Over HTTPS that
    has the prefix: any host of the domain can set a cookie of the name without it."""
    cookies, named = _cookies(request), name + _port(request)
    own = cookies.get(_SECURE_PREFIX + named)
    return own if own or request.trace.is_secure else cookies.get(named)


def set_cookie(request: Request, name: str, value: str, *, is_secure: bool, kept_s: int) -> Header:
    """For our own pages alone, out of the reach of scripts; an empty value takes it away."""
    prefix, secure = (_SECURE_PREFIX, "; Secure") if is_secure else ("", "")
    age = kept_s if value else 0
    text = (
        f"{prefix}{name}{_port(request)}={value}; Path=/; Max-Age={age}; HttpOnly; "
        f"SameSite=Strict{secure}"
    )
    return (b"set-cookie", text.encode())


def refuse_other_sites(request: Request) -> None:
    """Raises Forbidden where the browser says that another site's page sent the request."""
    fetched = request.header(b"sec-fetch-site")
    origin, host = request.header(b"origin"), request.header(b"host")
    is_foreign = origin is not None and host is not None and urlsplit(origin).netloc != host
    if fetched not in (None, "same-origin", "none") or is_foreign:
        raise Forbidden("This is for the console's own pages.", reason="cross_site")


def _port(request: Request) -> str:
    """``_8040``; nothing where the scheme's own port is meant."""
    port = (request.header(b"host") or "").rpartition(":")[2]
    return f"_{port}" if port.isascii() and port.isdecimal() else ""


def _cookies(request: Request) -> dict[str, str]:
    """HTTP/2 clients may send several Cookie headers."""
    lines = [value for name, value in request.header_list if name == b"cookie"]
    pairs = b"; ".join(lines).decode("latin-1").split(";")
    return {
        name.strip(): value.strip()
        for name, equals, value in (pair.partition("=") for pair in pairs)
        if equals
    }
