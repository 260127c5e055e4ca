"""What an administrator does, and what must hold when two do it at once."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from kilonova.accounts.directory import Directory
from kilonova.accounts.service import Accounts, KeyOrder
from kilonova.accounts.vault import Vault, VaultError
from kilonova.billing.posting import post
from kilonova.core.errors import Conflict, InvalidRequest, NotFound, Unauthenticated
from kilonova.core.identity import BearerCredential, Key, Limits, Organisation, Project
from kilonova.stores.memory import MemoryAccounts
from kilonova.stores.sql.store import SqlStore
from ledger_samples import FixedClock
from unit.accounts.office import Office


async def test_the_first_start_makes_one_of_each_and_only_once(office: Office) -> None:
    """Protects the promise of one command: there is something to call with."""
    first = await office.accounts.start()
    assert first is not None
    assert (first.organisation.name, first.project.name) == ("default", "default")
    assert first.new_key.bearer
    assert first.new_key.access_key_id
    assert first.new_key.secret
    assert await office.accounts.start() is None
    assert office.accounts.keys(first.project.id) == [first.new_key.key]


async def test_secrets_do_not_show_in_representations(office: Office) -> None:
    """Protects logs: the secret parts are neither in the key nor in what prints it."""
    first = await office.accounts.start()
    assert first is not None
    made = first.new_key
    for secret in (made.bearer, made.secret):
        assert secret is not None
        assert secret not in repr(first) + repr(made) + repr(made.key)


async def test_another_master_key_stops_the_start(office: Office) -> None:
    """Protects against a database restored beside the wrong master key."""
    await office.accounts.start()
    other = Accounts(office.store, Vault(b"o" * 32), office.clock, forget=office.directory.forget)
    with pytest.raises(VaultError, match="Restore the master key"):
        await other.start()


async def test_what_does_not_exist_is_not_found(office: Office) -> None:
    """Protects against changes to nothing."""
    for attempt in (
        office.accounts.revoke_key("key_0"),
        office.accounts.set_limits("proj_0", lambda _: Limits()),
        office.accounts.rename("org_0", "name"),
        office.accounts.create_project("org_0", "name"),
        office.accounts.create_key("proj_0", KeyOrder()),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_names_are_unique_and_sensible(office: Office) -> None:
    """Protects the command line, where owners are named."""
    acme = await office.accounts.create_organisation("Acme")
    await office.accounts.create_project(acme.id, "web")
    with pytest.raises(Conflict):
        await office.accounts.create_organisation("Acme")
    with pytest.raises(Conflict):
        await office.accounts.create_project(acme.id, "web")
    for name in ("", "  ", "a\nb", "x" * 101):
        with pytest.raises(InvalidRequest):
            await office.accounts.create_organisation(name)
    await office.accounts.rename(acme.id, "Acme 2")
    assert [owner.name for owner in office.accounts.organisations()] == ["Acme 2"]


async def test_negative_limits_are_refused(office: Office) -> None:
    """Protects admission from arithmetic that runs backwards."""
    with pytest.raises(InvalidRequest, match="budget_nano"):
        await office.accounts.create_organisation("Acme", limits=Limits(budget_nano=-1))


async def test_revoking_twice_keeps_the_first_date(office: Office) -> None:
    """Protects the audit trail."""
    first = await office.accounts.start()
    assert first is not None
    revoked = await office.accounts.revoke_key(first.new_key.key.id)
    office.clock.now += 60
    again = await office.accounts.revoke_key(first.new_key.key.id)
    assert again.revoked_ms == revoked.revoked_ms


async def test_a_change_of_limits_cannot_undo_a_revocation(tmp_path: Path) -> None:
    """Protects a leaked key's owner from a race of two administrators, on a real disk."""
    store = SqlStore.open(tmp_path / "kilonova.db", post)
    clock, vault = FixedClock(), Vault(b"m" * 32)
    directory = Directory(store.accounts, vault, clock)
    accounts = Accounts(store.accounts, vault, clock, forget=directory.forget)
    first = await accounts.start()
    assert first is not None
    key_id = first.new_key.key.id
    assert first.new_key.bearer is not None
    credential = BearerCredential(first.new_key.bearer)
    directory.principal(credential)
    await asyncio.gather(
        accounts.revoke_key(key_id),
        accounts.set_limits(key_id, lambda _: Limits(budget_nano=1)),
        accounts.rename(key_id, "renamed"),
    )
    key = accounts.key(key_id)
    assert key.revoked_ms is not None
    assert key.limits == Limits(budget_nano=1)
    assert key.name == "renamed"
    with pytest.raises(Unauthenticated):
        directory.principal(credential)
    await store.close()


async def test_a_cancelled_revocation_still_happens_and_is_not_forgotten(tmp_path: Path) -> None:
    """Protects against an administrator who presses Ctrl-C: on disk means refused."""
    store = SqlStore.open(tmp_path / "kilonova.db", post)
    clock, vault = FixedClock(), Vault(b"m" * 32)
    directory = Directory(store.accounts, vault, clock)
    accounts = Accounts(store.accounts, vault, clock, forget=directory.forget)
    first = await accounts.start()
    assert first is not None
    assert first.new_key.bearer is not None
    credential = BearerCredential(first.new_key.bearer)
    revoking = asyncio.create_task(accounts.revoke_key(first.new_key.key.id))
    await asyncio.sleep(0)
    directory.principal(credential)
    revoking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await revoking
    with pytest.raises(Unauthenticated):
        directory.principal(credential)
    await store.close()


class SlowAccounts(MemoryAccounts):
    """What is saved is there once a test lets it reach the disk, as with a store on one."""

    def __init__(self) -> None:
        super().__init__()
        self._queue: list[tuple[tuple[Organisation | Project | Key, ...], asyncio.Future[None]]]
        self._queue = []
        self.is_slow = False

    def save(self, *owners: Organisation | Project | Key) -> "asyncio.Future[None]":
        if not self.is_slow:
            return super().save(*owners)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((owners, future))
        return future

    def flush(self) -> None:
        for owners, future in self._queue:
            super().save(*owners)
            if not future.done():
                future.set_result(None)
        self._queue.clear()


class SlowOffice:
    """Accounts over a slow disk, and the first key, which the directory remembers."""

    def __init__(self) -> None:
        self.store = SlowAccounts()
        clock, vault = FixedClock(), Vault(b"m" * 32)
        self.directory = Directory(self.store, vault, clock)
        self.accounts = Accounts(self.store, vault, clock, forget=self.directory.forget)

    async def open(self) -> tuple[str, BearerCredential]:
        first = await self.accounts.start()
        assert first is not None
        assert first.new_key.bearer is not None
        credential = BearerCredential(first.new_key.bearer)
        self.directory.principal(credential)
        self.store.is_slow = True
        return first.new_key.key.id, credential

    async def cut_revocation(self, key_id: str) -> None:
        """The caller leaves, and then its time is up."""
        revoking = asyncio.create_task(self.accounts.revoke_key(key_id))
        for _ in range(2):
            await asyncio.sleep(0)
            revoking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await revoking


async def test_a_revocation_cut_short_twice_is_in_force() -> None:
    """Protects a leaked key's owner: what reaches the disk later is forgotten then."""
    office = SlowOffice()
    key_id, credential = await office.open()
    await office.cut_revocation(key_id)
    office.directory.principal(credential)
    office.store.flush()
    await asyncio.sleep(0)
    with pytest.raises(Unauthenticated):
        office.directory.principal(credential)


async def test_a_change_after_a_revocation_cut_short_does_not_undo_it() -> None:
    """Protects a leaked key's owner: no change reads a row while another is on its way."""
    office = SlowOffice()
    key_id, _credential = await office.open()
    await office.cut_revocation(key_id)
    limiting = asyncio.create_task(
        office.accounts.set_limits(key_id, lambda _: Limits(budget_nano=1))
    )
    while not limiting.done():
        await asyncio.sleep(0)
        office.store.flush()
    key = office.accounts.key(key_id)
    assert key.limits == Limits(budget_nano=1)
    assert key.revoked_ms is not None


async def test_two_changes_of_limits_at_once_both_hold() -> None:
    """Protects a budget from an operator who sets a rate in the same moment."""
    office = SlowOffice()
    key_id, _credential = await office.open()
    changing = asyncio.gather(
        office.accounts.set_limits(key_id, lambda old: replace(old, budget_nano=5)),
        office.accounts.set_limits(key_id, lambda old: replace(old, requests_per_minute=10)),
    )
    while not changing.done():
        await asyncio.sleep(0)
        office.store.flush()
    assert office.accounts.key(key_id).limits == Limits(budget_nano=5, requests_per_minute=10)
