"""The cookies of a server: its own, and out of everybody else's reach."""

from kilonova.telemetry.trace import Trace
from kilonova.web.message import Request
from kilonova.web.session import cookie_of, session_cookie, session_of, set_cookie


def _request(host: str, cookies: str = "") -> Request:
    headers = [(b"host", host.encode()), (b"cookie", cookies.encode())]
    return Request(method="GET", raw_path=b"/", query=b"", headers=headers, trace=Trace())


def test_servers_on_one_host_keep_cookies_of_their_own() -> None:
    """Protects who runs two: browsers send a host's cookies to all of its ports."""
    first, second = _request("localhost:8040"), _request("localhost:8041")
    made = [
        session_cookie(each, token, is_secure=False, kept_s=60)[1].decode().partition(";")[0]
        for each, token in ((first, "one"), (second, "two"))
    ]
    assert made == ["kn_session_8040=one", "kn_session_8041=two"]
    both = "; ".join(made)
    for host, token in (("localhost:8040", "one"), ("localhost:8041", "two")):
        found = session_of(_request(host, both))
        assert found is not None
        assert found.token == token
    for host in ("localhost", "localhost:8042", "[::1]", "[::1]:9"):
        assert session_of(_request(host, both)) is None


def test_over_https_no_other_cookie_is_taken_for_ours() -> None:
    """Protects people behind TLS from a session, or a sign-in, that another host of the domain put
    into their browser: it can set the plain name, and not the one with the prefix."""
    request = _request("ai.example", "kn_session=planted; kn_oidc=planted")
    request.trace.is_secure = True
    assert session_of(request) is None
    assert cookie_of(request, "kn_oidc") is None
    request = _request("ai.example", "kn_session=planted; __Host-kn_session=own")
    request.trace.is_secure = True
    assert cookie_of(request, "kn_session") == "own"


def test_the_schemes_own_port_needs_no_name() -> None:
    """Protects sessions behind a proxy, where browsers leave the port out."""
    name, cookie = session_cookie(_request("ai.example"), "one", is_secure=True, kept_s=60)
    assert name == b"set-cookie"
    assert cookie.decode() == (
        "__Host-kn_session=one; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
    )
    assert cookie_of(_request("ai.example", "__Host-kn_oidc=x; kn_session=y"), "kn_oidc") == "x"
    gone = set_cookie(_request("ai.example"), "kn_oidc", "", is_secure=False, kept_s=60)[1]
    assert b"kn_oidc=; Path=/; Max-Age=0" in gone
