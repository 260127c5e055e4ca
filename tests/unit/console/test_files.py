"""The console's files: what is shipped, how much of it, and what it may not do."""

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from browser.vendoring import HERE as TEST_VENDOR
from browser.vendoring import restored, sha256
from kilonova.console import surface
from kilonova.console.files import WebFiles

WEB = Path(surface.__file__).parent / "web"
ROOT = Path(__file__).parents[3]
OURS = [
    path
    for path in WEB.rglob("*.js")
    if "vendor" not in path.parts and "messages" not in path.parts
]
FIRST_LOAD_BYTES_MAX = 150_000
MODULE_LINES_MAX = 300
# Fetched when an answer has a formula in it, and not before.
LATE = {"markdown/formula.js", "vendor/katex.js"}


def _catalogue(language: str) -> dict[str, str | dict[str, str]]:
    text = (WEB / "messages" / f"{language}.js").read_text()
    found: dict[str, str | dict[str, str]] = json.loads(text[text.index("{") : text.rindex(";")])
    return found


def _gzipped(name: str) -> int:
    return len(gzip.compress((WEB / name).read_bytes()))


@pytest.mark.parametrize("folder", [WEB / "vendor", TEST_VENDOR])
def test_vendored_files_are_those_that_were_published(folder: Path) -> None:
    """Protects the supply chain: every file is in the lock, with its licence, and unchanged but for
    the names of the modules that it imports."""
    lock = json.loads((folder / "lock.json").read_text())
    assert {each["file"] for each in lock} == {path.name for path in folder.glob("*.js")}
    licences = (folder / "LICENSES.txt").read_text()
    for each in lock:
        content = (folder / each["file"]).read_bytes()
        assert sha256(content) == each["sha256"], each["file"]
        published = restored(content, each.get("rewritten", {}))
        assert sha256(published) == each["published_sha256"], each["file"]
        assert each["licence"] in ("MIT", "Apache-2.0", "MPL-2.0", "ISC")
        assert f"{each['package']} {each['version']}" in licences


def test_the_first_load_is_small() -> None:
    """Protects people on slow lines: at most 150 KB of compressed JavaScript, screens included."""
    files = WebFiles(WEB)
    page = files.page.content.decode()
    preloaded = re.findall(r'modulepreload" href="/console/static/[0-9a-f]+/([^"]+)"', page)
    assert "app.js" in preloaded
    assert "vendor/preact.js" in preloaded
    first = sum(_gzipped(name) for name in preloaded)
    every = {path.relative_to(WEB).as_posix() for path in WEB.rglob("*.js")}
    assert LATE.isdisjoint(preloaded)
    assert first <= FIRST_LOAD_BYTES_MAX
    assert sum(map(_gzipped, every - LATE)) <= FIRST_LOAD_BYTES_MAX, "even all screens together fit"


def test_modules_can_be_read_in_one_sitting() -> None:
    """Protects the shape of the client's code."""
    sizes = {path.name: len(path.read_text().splitlines()) for path in OURS}
    assert {name: size for name, size in sizes.items() if size > MODULE_LINES_MAX} == {}
    silent = [path.name for path in OURS if not path.read_text().startswith("/**")]
    assert silent == []


def test_no_text_becomes_markup_or_code() -> None:
    """Protects readers from what models and names say: no way from a string to an element or a
    script is used, and nothing is taken from elsewhere."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|\beval\(|"
        r"new Function|srcdoc|setTimeout\(\s*[\"'`]"
    )
    found = [(path.name, match) for path in OURS for match in forbidden.findall(path.read_text())]
    assert found == []
    pages = [WEB / "index.html", *WEB.rglob("*.css")]
    for path in [*OURS, *pages]:
        for address in re.findall(r"https?://[^\s\"'`)\\]+", path.read_text()):
            assert address.startswith(("http://www.w3.org/2000/svg", "https?://", "https://[^"))
    page = (WEB / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert not re.search(r"\son\w+=|style=", page)


def test_imports_lead_somewhere() -> None:
    """Protects screens from a module that was moved."""
    lost = []
    for path in OURS:
        text = path.read_text()
        addresses = re.findall(r'(?:from|import|import\()\s*"(\.[^"]+)"', text)
        places = {address: path.parent / address for address in addresses}
        lost += [(path.name, name) for name, place in places.items() if not place.is_file()]
    assert lost == []


def test_every_text_is_in_both_languages() -> None:
    """Protects French readers: the same keys, the same places, in every plural form."""
    english, french = _catalogue("en"), _catalogue("fr")
    assert set(english) == set(french)

    def forms(message: str | dict[str, str]) -> list[str]:
        return list(message.values()) if isinstance(message, dict) else [message]

    def places(message: str | dict[str, str]) -> set[str]:
        return {place for form in forms(message) for place in re.findall(r"\{(\w+)\}", form)}

    for key, message in english.items():
        assert places(message) == places(french[key]), key
        assert all(form.strip() for form in forms(french[key])), key
        if isinstance(message, dict):
            assert set(message) == {"one", "other"}, key
            assert set(french[key]) == {"one", "many", "other"}, key


def test_every_text_that_is_used_exists_and_the_reverse() -> None:
    """Protects against keys on the screen, and against words that nobody reads."""
    english = _catalogue("en")
    text = "\n".join(path.read_text() for path in OURS)
    used = set(re.findall(r'\bt\(\s*"([\w.]+)"', text))
    assert used - set(english) == set()
    # Some keys are put together: ``t(`role.${…}`)``; their beginnings are known.
    beginnings = tuple(set(re.findall(r"[`\"]([a-z_]+\.(?:[a-z]+_)?)\$\{", text)))
    quoted = set(re.findall(r'"([a-z_]+(?:\.[a-z0-9_]+)+)"', text))
    unread = {key for key in set(english) - used - quoted if not key.startswith(beginnings)}
    assert unread == set()


def test_no_words_stand_outside_the_catalogue() -> None:
    """Protects translation: elements hold places for texts, and no text of their own."""
    found = []
    for path in OURS:
        said = re.findall(r">\s*([A-Za-z][a-z]+(?: [a-z]+)+)\s*<", path.read_text())
        found += [(path.name, words) for words in said]
    assert found == []


def test_a_file_has_one_address_for_ever() -> None:
    """Protects caches: another content has another address, and names are never opened as paths."""
    files = WebFiles(WEB)
    assert files.digest == WebFiles(WEB).digest
    assert files.find("app.js") is not None
    for name in ("../surface.py", "/etc/passwd", "vendor/../app.js", "", "index.html"):
        assert files.find(name) is None


def test_the_modules_have_sound_types() -> None:
    """Protects the client's code: JSDoc types, checked by tsc where npm and its packages are."""
    tsc = ROOT / "tests" / "browser" / "node_modules" / ".bin" / "tsc"
    if shutil.which("node") is None or not tsc.exists():
        pytest.skip("tsc is not installed: run npm ci in tests/browser")
    done = subprocess.run(
        [tsc, "-p", ROOT / "tests" / "browser"], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
