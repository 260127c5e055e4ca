"""What every store of accounts promises."""

import pytest
from msgspec.structs import replace

from kilonova.core.errors import Conflict
from kilonova.core.identity import Key, Limits, Organisation, Project
from kilonova.stores.memory import MemoryStore
from kilonova.stores.sql.store import SqlStore

Store = MemoryStore | SqlStore

ORGANISATION = Organisation(id="org_1", name="Acme", limits=Limits(budget_nano=5), created_ms=1)
PROJECT = Project(id="proj_1", organisation_id="org_1", name="web", created_ms=2)
KEY = Key(
    id="key_1",
    organisation_id="org_1",
    project_id="proj_1",
    name="ci",
    bearer_digest=b"\x00digest",
    bearer_hint="kn_live_…abcd",
    access_key_id="KNAKABC",
    secret_encrypted=b"\x01\xff",
    limits=Limits(requests_per_minute=1, tokens_per_minute=2, budget_nano=3),
    created_ms=3,
    expires_ms=4,
    made_by="mem_1",
)


async def test_owners_are_read_back_as_they_were_saved(store: Store) -> None:
    """Protects every field of every owner."""
    await store.accounts.save(ORGANISATION, PROJECT, KEY)
    assert store.accounts.organisation("org_1") == ORGANISATION
    assert store.accounts.organisations() == [ORGANISATION]
    assert store.accounts.project("proj_1") == PROJECT
    assert store.accounts.projects("org_1") == [PROJECT]
    assert store.accounts.key("key_1") == KEY
    assert store.accounts.keys("proj_1") == [KEY]
    assert store.accounts.key_of_bearer(b"\x00digest") == KEY
    assert store.accounts.key_of_access_key("KNAKABC") == KEY


async def test_what_is_unknown_is_none(store: Store) -> None:
    """Protects callers from another owner's row."""
    assert store.accounts.organisation("org_1") is None
    assert store.accounts.project("proj_1") is None
    assert store.accounts.key("key_1") is None
    assert store.accounts.key_of_bearer(b"") is None
    assert store.accounts.key_of_access_key("") is None
    assert store.accounts.projects("org_1") == []
    assert store.accounts.note("nothing") is None


async def test_a_saved_owner_replaces_the_older_one(store: Store) -> None:
    """Protects revocation, renaming and limits."""
    await store.accounts.save(ORGANISATION, PROJECT, KEY)
    revoked = replace(KEY, revoked_ms=9, limits=Limits())
    await store.accounts.save(revoked)
    await store.accounts.save(replace(ORGANISATION, name="Acme 2"))
    assert store.accounts.key("key_1") == revoked
    assert [owner.name for owner in store.accounts.organisations()] == ["Acme 2"]


async def test_a_taken_name_is_a_conflict_and_saves_nothing(store: Store) -> None:
    """Protects names: unique for organisations, and for projects inside one of them."""
    await store.accounts.save(ORGANISATION, PROJECT)
    rival = Organisation(id="org_2", name="Acme")
    bystander = Project(id="proj_3", organisation_id="org_2", name="bystander")
    with pytest.raises(Conflict):
        await store.accounts.save(bystander, rival)
    with pytest.raises(Conflict):
        await store.accounts.save(Project(id="proj_2", organisation_id="org_1", name="web"))
    assert store.accounts.projects("org_2") == []
    await store.accounts.save(Project(id="proj_2", organisation_id="org_2", name="web"))


async def test_notes_are_replaced(store: Store) -> None:
    """Protects the fingerprint of the master key."""
    await store.accounts.save_note("name", "one")
    await store.accounts.save_note("name", "two")
    assert store.accounts.note("name") == "two"
