"""Forms with files: what clients send is read, and what none of them sends is refused."""

import httpx
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.wire.multipart import PARTS_MAX, Part, read_form

TYPE = "multipart/form-data; boundary=B"
FILE = (
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello'
    b"\r\n--B--\r\n"
)
DISPOSITION = b'content-disposition: form-data; name="x"'
CONTENTS = st.binary(max_size=300) | st.sampled_from([b"\r\n", b"--", b"\r\n--", b"\r\n\r\n"])
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


def form(head: bytes, content: bytes = b"") -> bytes:
    return b"--B\r\n" + head + b"\r\n\r\n" + content + b"\r\n--B--"


def test_a_form_is_read() -> None:
    """Protects uploads written by hand, with the end of the last line and without."""
    expected = [Part(name="file", filename="a.txt", content=b"hello")]
    assert read_form(TYPE, FILE) == expected
    assert read_form(TYPE, FILE[:-2]) == expected
    assert read_form('Multipart/Form-Data; charset=utf-8; boundary="B"', FILE) == expected
    assert read_form(TYPE, b"--B--\r\n") == []


@pytest.mark.parametrize("library", [httpx, httpx2])
@given(name=NAMES, content=CONTENTS, text=NAMES)
@settings(max_examples=30, deadline=None)
def test_what_clients_write_is_read_back(
    library: object, name: str, content: bytes, text: str
) -> None:
    """Protects every name and content that the SDKs' own HTTP clients can send."""
    request = library.Request(  # type: ignore[attr-defined]
        "POST", "http://x", data={"purpose": text}, files={"file": (name, content)}
    )
    parts = read_form(request.headers["content-type"], request.read())
    # Clients do not escape the percent sign, so that this one name is not told apart.
    wanted = name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
    assert parts == [
        Part(name="purpose", filename=None, content=text.encode()),
        Part(name="file", filename=wanted, content=content),
    ]


@pytest.mark.parametrize(
    ("parameters", "filename"),
    [
        (b'filename="a\\"b\\\\c\\d"', 'a"b\\c\\d'),
        (b'filename="a%22b%41"', 'a"b%41'),
        (b"filename=plain.txt", "plain.txt"),
        (b'filename=""', ""),
        (b"filename*=utf-8''na%C3%AFve%20a.txt; filename=\"x\"", "naïve a.txt"),
        ('filename="naïve"'.encode(), "naïve"),
        ('filename="naïve"'.encode("latin-1"), "naïve"),
        (b'filename="../../etc/passwd"', "../../etc/passwd"),
    ],
)
def test_names_of_files(parameters: bytes, filename: str) -> None:
    """Protects names: they are text, in each of the ways in which clients write them."""
    (part,) = read_form(TYPE, form(DISPOSITION + b"; " + parameters))
    assert part.filename == filename


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (None, FILE),
        ("application/json", b"{}"),
        ("multipart/mixed; boundary=B", FILE),
        ("multipart/form-data", FILE),
        ("multipart/form-data; boundary=", FILE),
        (f"multipart/form-data; boundary={'B' * 71}", FILE.replace(b"B", b"B" * 71)),
        ("multipart/form-data; boundary=B; boundary=C", FILE),
        ('multipart/form-data; boundary="B', FILE),
        ('multipart/form-data; boundary="B "', FILE),
        ("multipart/form-data; " + "a=b;" * 100_000, FILE),
        (TYPE, b""),
        (TYPE, b"preamble\r\n" + FILE),
        (TYPE, FILE + b"epilogue"),
        (TYPE, FILE[:-4]),
        (TYPE, FILE[:-9]),
        (TYPE, FILE[:40]),
        (TYPE, FILE.replace(b"\r\n", b"\n")),
        (TYPE, FILE.replace(b"--B--", b"--BX\r\n--B--")),
        (TYPE, form(b"")),
        (TYPE, form(b"content-type: text/plain")),
        (TYPE, form(b"content-disposition: attachment; name=x")),
        (TYPE, form(b"content-disposition: form-data")),
        (TYPE, form(b'content-disposition: form-data; name="x', b'"')),
        (TYPE, form(DISPOSITION + b"; name=y")),
        (TYPE, form(DISPOSITION + b"\r\n" + DISPOSITION)),
        (TYPE, form(DISPOSITION + b"\r\n folded: yes")),
        (TYPE, form(DISPOSITION + b"\r\nno colon")),
        (TYPE, form(DISPOSITION + b"\r\ncontent-transfer-encoding: base64")),
        (TYPE, form(DISPOSITION + b"\r\nx: " + b"y" * 9_000)),
        (TYPE, (b"--B\r\n" + DISPOSITION + b"\r\n\r\n\r\n") * (PARTS_MAX + 1) + b"--B--"),
    ],
)
def test_anything_else_is_refused(content_type: str | None, body: bytes) -> None:
    """Protects against a form that a proxy in front would read in another way."""
    with pytest.raises(InvalidRequest):
        read_form(content_type, body)


@given(
    body=st.binary(max_size=200)
    | st.text('-B\r\n:; ="form-data;name', max_size=200).map(str.encode)
)
@settings(max_examples=120, deadline=None)
def test_no_body_breaks_it(body: bytes) -> None:
    """Protects the server from whatever is sent: a list of parts, or a refusal."""
    for wrapped in (body, b"--B\r\n" + body, form(DISPOSITION + body)):
        try:
            assert all(part.name for part in read_form(TYPE, wrapped))
        except InvalidRequest:
            continue
