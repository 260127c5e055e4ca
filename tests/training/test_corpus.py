"""Only permissive training files may enter the weights."""

from pathlib import Path

import pytest

from structure.corpus import (
    LICENCES,
    TRAIN_FILES,
    FileRefused,
    LicenceRefused,
    default_folder,
    parse_record,
    read_records,
)


def test_no_share_alike_or_restricted_licence_is_allowed() -> None:
    """The weights are permissive, so must be everything in them."""
    for licence in LICENCES:
        assert not any(mark in licence for mark in ("-SA", "-NC", "-ND", "GPL", "GFDL"))


@pytest.mark.parametrize("licence", ["CC-BY-SA-4.0", "CC-BY-NC-4.0", "GPL-3.0-only", "unknown"])
def test_other_licences_are_refused(licence: str) -> None:
    """A record under another licence is an error, not something to skip."""
    with pytest.raises(LicenceRefused):
        parse_record(f'{{"source": "x", "licence": "{licence}", "text": "y"}}')


def test_training_never_opens_an_evaluation_file() -> None:
    """No test, validation or held-out file is in the list, and others are refused."""
    assert not any(word in name for name in TRAIN_FILES for word in ("test", "val", "heldout"))
    for name in ("clinc150-test", "docs-heldout", "clinc150-val", "gsm8k-test"):
        with pytest.raises(FileRefused):
            next(read_records(Path("nowhere"), name))


@pytest.mark.skipif(not default_folder().exists(), reason="the shared text is not at hand")
@pytest.mark.parametrize("name", ["nluplusplus-train", "restaurant8k-train"])
def test_shared_records_are_readable_and_permissive(name: str) -> None:
    """The real files parse and pass the whitelist."""
    assert sum(1 for _ in read_records(default_folder(), name)) > 1000
