"""The official OpenAI SDK keeps files on a running server."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import httpx
import openai
import pytest
from openai.types import FileObject, FilePurpose, file_create_params, file_list_params

from kilonova.dialects.openai.files.schema import (
    ExpiresAfter,
    Listing,
    Purpose,
    Upload,
)
from kilonova.dialects.openai.files.schema import FileObject as OurFileObject
from servers import Server

DAY_S = 86_400
LINES = b'{"custom_id": "1"}\n'
LONG = bytes(range(256)) * 4_000


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    """In a project of its own: other tests keep files, too."""
    yield from _client(server, _new_project(server, "files"))


@pytest.fixture(scope="module")
def stranger(server: Server) -> Iterator[openai.OpenAI]:
    yield from _client(server, _new_project(server, "strangers"))


def _new_project(server: Server, name: str) -> str:
    server.admin("POST", "/projects", {"name": name})
    return str(server.admin("POST", "/keys", {"project": name})["bearer_key"])


def _client(server: Server, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=0) as one:
        yield one


def test_every_field_of_the_sdk_is_known() -> None:
    """Protects against a field of a newer SDK that is neither honoured nor refused."""
    assert (
        set(Upload.__struct_fields__) == get_type_hints(file_create_params.FileCreateParams).keys()
    )
    assert (
        set(ExpiresAfter.__struct_fields__)
        == get_type_hints(file_create_params.ExpiresAfter).keys()
    )
    assert set(Listing.__struct_fields__) == get_type_hints(file_list_params.FileListParams).keys()
    assert get_args(Purpose) == get_args(FilePurpose)
    assert set(OurFileObject.__struct_fields__) == FileObject.model_fields.keys()


@pytest.mark.supports("whole", "openai files")
@pytest.mark.parametrize(
    "content", [b"", b"hello\r\n--\x00\xff", LONG], ids=["empty", "odd", "long"]
)
def test_a_file_comes_back_as_it_was_sent(client: openai.OpenAI, content: bytes) -> None:
    """Protects every byte, whichever way it is kept, and what is said of it."""
    before = int(time.time())
    made = client.files.create(file=("a b.txt", content), purpose="user_data")
    assert made.id.startswith("file-")
    assert (made.object, made.bytes, made.filename) == ("file", len(content), "a b.txt")
    assert (made.purpose, made.status, made.expires_at) == ("user_data", "processed", None)
    assert before <= made.created_at <= time.time()
    assert client.files.retrieve(made.id) == made
    answer = client.files.content(made.id)
    assert answer.read() == content
    assert answer.response.headers["content-type"] == "application/octet-stream"
    assert answer.response.headers["x-content-type-options"] == "nosniff"
    assert answer.response.headers["content-length"] == str(len(content))


def test_every_way_to_hand_over_a_file(client: openai.OpenAI, tmp_path: Path) -> None:
    """Protects all kinds of arguments that the SDK takes, and odd names, which are never paths."""
    path = tmp_path / 'naïve "x".jsonl'
    path.write_bytes(LINES)
    named = ("../../etc/passwd", LINES, "text/plain")
    with path.open("rb") as opened:
        for file, name in [
            (path, path.name),
            (opened, path.name),
            (io.BytesIO(LINES), "upload"),
            (LINES, "upload"),
            (named, "../../etc/passwd"),
        ]:
            made = client.files.create(file=file, purpose="assistants")  # type: ignore[arg-type]
            assert (made.filename, made.bytes) == (name, len(LINES))
            disposition = client.files.content(made.id).response.headers["content-disposition"]
            assert disposition.startswith("attachment; filename*=UTF-8''")
            assert "/" not in disposition


@pytest.mark.supports("hints", "openai files", how="ignored")
def test_two_uploads_are_two_files(client: openai.OpenAI) -> None:
    """Protects callers who upload the same twice; a key for retries is listed as ignored."""
    sent: Any = {"file": ("a.txt", b"same"), "purpose": "evals"}
    headers = {"Idempotency-Key": "same"}
    one = client.files.with_raw_response.create(**sent, extra_headers=headers)
    two = client.files.with_raw_response.create(**sent, extra_headers=headers)
    assert one.parse().id != two.parse().id
    assert one.headers["x-kilonova-ignored"] == "idempotency-key"


def test_expiry(client: openai.OpenAI) -> None:
    """Protects the promise to forget: on demand, and after thirty days for a batch's files."""
    asked = client.files.create(
        file=("a.txt", b"a"),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 3_600},
    )
    batch = client.files.create(file=("a.JSONL", LINES), purpose="batch")
    assert asked.expires_at == asked.created_at + 3_600
    assert batch.expires_at == batch.created_at + 30 * DAY_S


@pytest.mark.supports("errors", "openai files")
def test_a_deleted_file_is_gone(client: openai.OpenAI) -> None:
    """Protects a deletion, and the words of OpenAI's own error afterwards."""
    made = client.files.create(file=("a.txt", LONG), purpose="vision")
    gone = client.files.delete(made.id)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "file", True)
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError) as caught:
            call(made.id)
        assert caught.value.body == {
            "message": f"No such File object: {made.id}",
            "type": "invalid_request_error",
            "param": "id",
            "code": None,
        }
    assert made.id not in [each.id for each in client.files.list()]


@pytest.fixture
def several(server: Server) -> Iterator[openai.OpenAI]:
    """Five files, of which two are for a batch, in a project of their own."""
    name = f"listed-{time.time_ns()}"
    for one in _client(server, _new_project(server, name)):
        for number in range(5):
            purpose: Any = "batch" if number in (1, 3) else "evals"
            one.files.create(file=(f"{number}.jsonl", LINES), purpose=purpose)
            time.sleep(0.002)
        yield one


def test_lists(several: openai.OpenAI) -> None:
    """Protects listings: order, pages, purposes, and the loop that deletes what it lists."""
    files = several.files

    def names(**options: Any) -> list[str]:
        return [each.filename.removesuffix(".jsonl") for each in files.list(**options)]

    assert names() == list("43210")
    assert names(order="asc") == list("01234")
    assert names(limit=2) == list("43210")
    assert names(limit=1, order="asc", purpose="batch") == ["1", "3"]
    assert names(purpose="assistants_output") == []
    page = files.list(limit=2)
    assert (len(page.data), page.has_more) == (2, True)
    last = files.list(limit=2, after=files.list(limit=4).data[-1].id)
    assert ([each.filename for each in last.data], last.has_more) == (["0.jsonl"], False)
    for each in files.list(limit=2):
        files.delete(each.id)
    assert names() == []


def test_a_file_is_its_projects_alone(client: openai.OpenAI, stranger: openai.OpenAI) -> None:
    """Protects projects from each other: not shown, not read, not deleted."""
    made = client.files.create(file=("a.txt", b"mine"), purpose="user_data")
    assert list(stranger.files.list()) == []
    for call in (stranger.files.retrieve, stranger.files.content, stranger.files.delete):
        with pytest.raises(openai.NotFoundError):
            call(made.id)
    assert client.files.content(made.id).read() == b"mine"


REFUSED = [
    ({"purpose": "batch"}, "file", "Invalid file format for Batch API. Must be .jsonl"),
    ({"purpose": "fine-tune"}, "file", "Invalid file format for Fine-tuning API. Must be .jsonl"),
    ({"purpose": "dreams"}, "purpose", "'dreams'"),
    ({"purpose": ""}, "purpose", "''"),
    (
        {"purpose": "evals", "expires_after": {"anchor": "created_at", "seconds": 60}},
        "expires_after.seconds",
        "Expected a value >= 3600",
    ),
    (
        {"purpose": "evals", "expires_after": {"anchor": "deleted_at", "seconds": 3_600}},
        "expires_after.anchor",
        "deleted_at",
    ),
    (
        {"purpose": "evals", "expires_after": {"anchor": "created_at"}},
        "expires_after.seconds",
        "Missing required parameter",
    ),
    (
        {"purpose": "evals", "extra_body": {"colour": "red"}},
        "colour",
        "Unknown parameter: 'colour'",
    ),
    ({"purpose": "evals", "file": ("n" * 513, b"")}, "file", "512"),
]


@pytest.mark.parametrize(("options", "param", "words"), REFUSED)
def test_a_wrong_upload_names_the_field(
    client: openai.OpenAI, options: dict[str, Any], param: str, words: str
) -> None:
    """Protects callers from a field that is silently left out."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(**{"file": ("a.txt", b"a"), **options})
    assert caught.value.param == param
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"order": "up"}, "order"),
        ({"after": "file-unknown"}, "after"),
        ({"extra_query": {"before": "x"}}, "before"),
    ],
)
def test_a_wrong_list_names_the_field(
    client: openai.OpenAI, options: dict[str, Any], param: str
) -> None:
    """Protects callers from a page that is not the one they asked for."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.list(**options)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"file": "x", "purpose": "evals"}'),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=B", b"--B--"),
        ("multipart/form-data; boundary=B", b"--B\r\n" * 1_000),
        (
            "multipart/form-data; boundary=B",
            b'--B\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--B--',
        ),
        (
            "multipart/form-data; boundary=B",
            b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n\xff\r\n--B--',
        ),
        (
            "multipart/form-data; boundary=B",
            b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
            b'--B\r\nContent-Disposition: form-data; name="a[b]"\r\n\r\nx\r\n--B--',
        ),
    ],
)
def test_no_form_breaks_the_server(
    server: Server, client: openai.OpenAI, content_type: str, body: bytes
) -> None:
    """Protects the server: what is no form is 400 in OpenAI's shape."""
    headers = {"authorization": f"Bearer {client.api_key}", "content-type": content_type}
    answer = httpx.post(f"{server.url}/v1/files", headers=headers, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_file_that_is_too_large_is_refused(client: openai.OpenAI) -> None:
    """Protects memory and disk, at the very byte of the limit."""
    largest = bytes(25_000_000)
    made = client.files.create(file=("a.bin", largest), purpose="user_data")
    assert made.bytes == len(largest)
    assert len(client.files.content(made.id).read()) == len(largest)
    client.files.delete(made.id)
    for size in (len(largest) + 1, len(largest) + 100_000):
        with pytest.raises(openai.APIStatusError) as caught:
            client.files.create(file=("a.bin", bytes(size)), purpose="user_data")
        assert caught.value.status_code == 413
        assert caught.value.code == "request_too_large"


@pytest.mark.supports("refusals", "openai files", how="refused")
def test_uploads_in_parts_are_refused_by_name(client: openai.OpenAI) -> None:
    """Protects callers from a bare 404: they read what to call instead."""
    with pytest.raises(openai.NotFoundError, match=r"POST /v1/files; it may have 25000000 bytes"):
        client.uploads.create(bytes=1, filename="a", mime_type="text/plain", purpose="batch")
    with pytest.raises(openai.NotFoundError, match="POST /v1/files"):
        client.uploads.parts.create("upload_1", data=b"x" * 1_000)


def test_the_other_vendors_files_are_refused_by_name(server: Server) -> None:
    """Protects that vendor's SDK from an answer in a form that it would misread."""
    headers = {"authorization": f"Bearer {server.bearer_key}", "anthropic-version": "2023-06-01"}
    answer = httpx.get(f"{server.url}/v1/files", headers=headers)
    assert answer.status_code == 404
    assert answer.json()["type"] == "error"
    assert "/v1/files is not served here" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/v1/files", "/openai/v1/files", "/v1/files/file-x", "/v1/uploads"]
)
def test_nobody_comes_without_a_key(server: Server, path: str) -> None:
    """Protects every address, before anything of the request is read."""
    assert httpx.get(f"{server.url}{path}").status_code == 401


def test_the_other_mount(server: Server, client: openai.OpenAI) -> None:
    """Protects clients of clouds that serve this wire below a path of their own."""
    made = client.files.create(file=("a.txt", b"a"), purpose="user_data")
    there = client.with_options(base_url=f"{server.url}/openai/v1")
    assert there.files.retrieve(made.id) == made
    there.files.delete(made.id)
