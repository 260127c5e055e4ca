"""How the console's files are served."""

import gzip

from kilonova.console.surface import POLICY, ConsoleSurface
from kilonova.core.errors import KilonovaError
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Request, Response

SURFACE = ConsoleSurface()


async def _get(path: str, *headers: tuple[bytes, bytes], method: str = "GET") -> Response | None:
    request = Request(
        method=method, raw_path=path.encode(), query=b"", headers=list(headers), trace=Trace()
    )
    endpoint = SURFACE.find(request)
    if endpoint is None:
        return None
    try:
        answer = await endpoint.handle(request)
    except KilonovaError as error:
        return endpoint.fail(error, request)
    assert isinstance(answer, Response)
    return answer


async def test_every_address_is_the_page() -> None:
    """Protects links and reloads: the console finds its own way from any address in it."""
    for path in ("/console", "/console/", "/console/keys", "/console/chat/a%2Fb"):
        answer = await _get(path)
        assert answer is not None
        assert answer.status == 200
        assert b'<div id="app">' in answer.body
        assert dict(answer.headers)[b"cache-control"] == b"no-cache"
    assert await _get("/consoles") is None
    assert await _get("/console", method="POST") is None


async def test_the_policy_is_strict() -> None:
    """Protects members from scripts that are not ours: nothing inline, nothing from elsewhere."""
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY
    for path in ("/console", f"/console/static/{SURFACE.files.digest}/app.js", "/"):
        answer = await _get(path, (b"accept", b"text/html"))
        assert answer is not None
        headers = dict(answer.headers)
        assert headers[b"content-security-policy"] == POLICY.encode()
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert headers[b"referrer-policy"] == b"no-referrer"


async def test_files_are_kept_for_ever_and_sent_small() -> None:
    """Protects the second visit, and slow lines."""
    path = f"/console/static/{SURFACE.files.digest}/vendor/preact.js"
    plain, small = await _get(path), await _get(path, (b"accept-encoding", b"gzip, br"))
    assert plain is not None
    assert small is not None
    assert b"immutable" in dict(plain.headers)[b"cache-control"]
    assert dict(small.headers)[b"content-encoding"] == b"gzip"
    assert gzip.decompress(small.body) == plain.body
    again = await _get(path, (b"if-none-match", dict(plain.headers)[b"etag"]))
    assert again is not None
    assert (again.status, again.body) == (304, b"")
    head = await _get(path, method="HEAD")
    assert head is not None
    assert (head.status, head.body) == (200, b"")


async def test_an_old_or_foreign_address_is_not_there() -> None:
    """Protects a page that is older than the server: it gets an error, never another's file."""
    for path in (
        "/console/static/0000000000000000/app.js",
        f"/console/static/{SURFACE.files.digest}/nothing.js",
        f"/console/static/{SURFACE.files.digest}/../../files.py",
        f"/console/static/{SURFACE.files.digest}/..%2f..%2ffiles.py",
    ):
        answer = await _get(path)
        assert answer is not None
        assert answer.status == 404


async def test_the_bare_address_leads_people_to_the_console() -> None:
    """Protects programs: only who asks for a page is sent there."""
    answer = await _get("/", (b"accept", b"text/html,*/*"))
    assert answer is not None
    assert (answer.status, dict(answer.headers)[b"location"]) == (302, b"/console")
    assert await _get("/", (b"accept", b"*/*")) is None
