"""Buckets that are folders: nothing leaves them, and a file is whole or not there."""

import os
from pathlib import Path

import pytest

from kilonova.core.errors import InvalidRequest
from kilonova.stores.buckets import Buckets


@pytest.fixture
def buckets(tmp_path: Path) -> Buckets:
    return Buckets({"mine": tmp_path / "root"})


async def test_files_lie_under_the_folder(buckets: Buckets, tmp_path: Path) -> None:
    """Folders are made, older files are replaced, and no draft stays."""
    for content in (b"one", b"two"):
        await buckets.write("s3://mine/a/b/", {"x.json": content})
    folder = tmp_path / "root" / "a" / "b"
    assert [path.name for path in folder.iterdir()] == ["x.json"]
    assert (folder / "x.json").read_bytes() == b"two"


@pytest.mark.parametrize(
    "uri",
    [
        "s3://mine/..", "s3://mine/a/../../b", "s3://mine/./a", "s3://mine//a", "s3://mine/a//b",
        "s3://mine/a\\b", "s3://mine/a\nb", "s3://mine/a\x00", f"s3://mine/{'é' * 200}",
        "s3://other/a", "s3://MINE/a", "file:///etc", "s3://mine?x", "", "s3://mi",
    ],
)  # fmt: skip
async def test_what_leads_elsewhere_is_refused(buckets: Buckets, uri: str) -> None:
    """By the address alone, before anything is made."""
    with pytest.raises(InvalidRequest, match="Invalid S3 URI"):
        buckets.check(uri)
    with pytest.raises(InvalidRequest):
        await buckets.write(uri, {"x": b""})


async def test_a_link_does_not_lead_out(buckets: Buckets, tmp_path: Path) -> None:
    """Protects the rest of the disk from who can make links in a bucket."""
    (tmp_path / "root").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "elsewhere")
    for uri in ("s3://mine/link", "s3://mine/link/a/b", "s3://mine/link/a"):
        with pytest.raises(InvalidRequest, match="leads out"):
            await buckets.write(uri, {"x": b""})
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_a_disk_that_fails_leaves_nothing(
    buckets: Buckets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file is never seen under its name."""

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        await buckets.write("s3://mine/a", {"x": b"1"})
    assert list((tmp_path / "root" / "a").iterdir()) == []
