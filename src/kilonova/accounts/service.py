"""What an administrator does: make, name, limit and revoke.

Every change is durable, and forgotten by the directory, when the call returns. A new key's secret
parts are in the answer of the call that made it and nowhere else.
"""

import asyncio
from collections.abc import Callable
from typing import Literal, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from kilonova.accounts.keys import hint_of, new_access_key_id, new_bearer, new_secret
from kilonova.accounts.store import AccountStore, Owner
from kilonova.accounts.vault import Vault, VaultError
from kilonova.core.audit import acting
from kilonova.core.budgets import BUDGET_WINDOWS
from kilonova.core.clock import Clock
from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.core.identity import Key, Limits, Organisation, Project
from kilonova.core.ids import new_id

__all__ = ["Accounts", "FirstStart", "KeyKind", "KeyOrder", "NewKey"]

KeyKind = Literal["bearer", "access", "both"]

_Found = TypeVar("_Found")

_NO_LIMITS = Limits()
_NAME_LENGTH_MAX = 100
_RATES = ("requests_per_minute", "tokens_per_minute")
_BUDGETS = ("budget_nano", "budget_day_nano", "budget_month_nano")
# A thousand million of a currency in nano-units; what a store keeps is smaller than 2**63.
_AMOUNT_MAX = 10**18
_FINGERPRINT = "master_key_fingerprint"
_FIRST_KEY = "first_key"
_FIRST_NAME = "default"


class KeyOrder(Struct, frozen=True, kw_only=True):
    """How a new key shall be."""

    name: str = ""
    kind: KeyKind = "bearer"
    limits: Limits = Limits()
    expires_ms: int | None = None


class NewKey(Struct, frozen=True, kw_only=True):
    """A key with its secret parts, which cannot be read again."""

    key: Key
    bearer: str | None
    access_key_id: str | None
    secret: str | None

    def __repr__(self) -> str:
        """Without the secrets: a representation ends up in logs."""
        return f"NewKey({self.key.id})"


class FirstStart(Struct, frozen=True):
    organisation: Organisation
    project: Project
    new_key: NewKey


class Accounts:
    """Belongs to the event loop. ``forget`` is ``Directory.forget``."""

    def __init__(
        self, store: AccountStore, vault: Vault, clock: Clock, *, forget: Callable[[str], None]
    ) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._forget = forget
        # A change reads a row and writes it whole: two at once could undo a revocation.
        self._changing = asyncio.Lock()
        self._edits: set[asyncio.Task[Owner]] = set()

    async def start(self, *, can_show_key: bool = True) -> FirstStart | None:
        """Make ``default`` where there is nothing yet, and its first key once there is someone to
        show it to.

        Raises VaultError where the store was written with another master key.
        """
        expected = self._store.note(_FINGERPRINT)
        if expected is None:
            await self._store.save_note(_FINGERPRINT, self._vault.fingerprint)
        elif expected != self._vault.fingerprint:
            raise VaultError(
                f"The master key is {self._vault.fingerprint}, but the store was written with "
                f"{expected}. Restore the master key that belongs to this store."
            )
        if not self._store.organisations():
            organisation = self._new_organisation(_FIRST_NAME, Limits())
            project = self._new_project(organisation, _FIRST_NAME, Limits())
            await self._store.save(organisation, project)
        if not can_show_key or self._store.note(_FIRST_KEY) is not None:
            return None
        return await self._first_key()

    def organisations(self) -> list[Organisation]:
        return self._store.organisations()

    def organisation(self, organisation_id: str) -> Organisation:
        return _found(self._store.organisation(organisation_id), organisation_id)

    def projects(self, organisation_id: str) -> list[Project]:
        return self._store.projects(self.organisation(organisation_id).id)

    def project(self, project_id: str) -> Project:
        return _found(self._store.project(project_id), project_id)

    def keys(self, project_id: str) -> list[Key]:
        return self._store.keys(self.project(project_id).id)

    def key(self, key_id: str) -> Key:
        return _found(self._store.key(key_id), key_id)

    async def create_organisation(self, name: str, *, limits: Limits = _NO_LIMITS) -> Organisation:
        organisation = self._new_organisation(name, limits)
        await self._store.save(organisation)
        return organisation

    async def create_project(
        self, organisation_id: str, name: str, *, limits: Limits = _NO_LIMITS
    ) -> Project:
        project = self._new_project(self.organisation(organisation_id), name, limits)
        await self._store.save(project)
        return project

    async def rename(self, owner_id: str, name: str) -> None:
        checked = _checked_name(name)
        await self._change(owner_id, lambda owner: replace(owner, name=checked))

    async def set_limits(self, owner_id: str, change: Callable[[Limits], Limits]) -> Limits:
        """Of an organisation, a project or a key; in force from the next request on. ``change``
        sees the limits that stand, with no other change in between."""

        def edit(owner: Owner) -> Owner:
            return replace(owner, limits=_checked_limits(change(owner.limits)))

        return (await self._change(owner_id, edit)).limits

    async def create_key(self, project_id: str, order: KeyOrder) -> NewKey:
        new_key = self._new_key(self.project(project_id), order)
        await self._store.save(new_key.key)
        return new_key

    async def revoke_key(self, key_id: str) -> Key:
        """Idempotent: a key that is revoked already keeps its first date."""

        def edit(owner: Owner) -> Owner:
            assert isinstance(owner, Key), "the id of a key names a key"
            return (
                owner if owner.revoked_ms is not None else replace(owner, revoked_ms=self._now_ms())
            )

        await self._change(self.key(key_id).id, edit)
        return self.key(key_id)

    async def _first_key(self) -> FirstStart:
        organisation = self._store.organisations()[0]
        project = self._store.projects(organisation.id)[0]
        new_key = self._new_key(project, KeyOrder(name=_FIRST_NAME, kind="both"))
        await self._store.save(new_key.key)
        # After the key: a crash in between makes a second one, rather than none that was shown.
        await self._store.save_note(_FIRST_KEY, new_key.key.id)
        return FirstStart(organisation, project, new_key)

    def _new_organisation(self, name: str, limits: Limits) -> Organisation:
        return Organisation(
            id=new_id("org"),
            name=_checked_name(name),
            limits=_checked_limits(limits),
            created_ms=self._now_ms(),
        )

    def _new_project(self, organisation: Organisation, name: str, limits: Limits) -> Project:
        return Project(
            id=new_id("proj"),
            organisation_id=organisation.id,
            name=_checked_name(name),
            limits=_checked_limits(limits),
            created_ms=self._now_ms(),
        )

    def _new_key(self, project: Project, order: KeyOrder) -> NewKey:
        key_id, organisation_id = new_id("key"), project.organisation_id
        bearer = new_bearer() if order.kind != "access" else None
        secret = new_secret() if order.kind != "bearer" else None
        key = Key(
            id=key_id,
            organisation_id=organisation_id,
            project_id=project.id,
            name=order.name,
            limits=_checked_limits(order.limits),
            created_ms=self._now_ms(),
            expires_ms=order.expires_ms,
            made_by=acting().member_id,
        )
        if bearer is not None:
            digest = self._vault.digest(bearer)
            key = replace(key, bearer_digest=digest, bearer_hint=hint_of(bearer))
        if secret is not None:
            sealed = self._vault.seal(secret, organisation_id=organisation_id, key_id=key_id)
            key = replace(key, access_key_id=new_access_key_id(), secret_encrypted=sealed)
        return NewKey(key=key, bearer=bearer, access_key_id=key.access_key_id, secret=secret)

    def _owner(self, owner_id: str) -> Owner:
        if organisation := self._store.organisation(owner_id):
            return organisation
        return self._store.project(owner_id) or self.key(owner_id)

    async def _change(self, owner_id: str, edit: Callable[[Owner], Owner]) -> Owner:
        """Runs in a task of its own: whoever waits may be cancelled, more than once, and can then
        neither let another change in between nor leave the old row remembered."""
        task = asyncio.create_task(self._edit(owner_id, edit))
        self._edits.add(task)
        task.add_done_callback(self._finish_edit)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait((task,))
            raise

    async def _edit(self, owner_id: str, edit: Callable[[Owner], Owner]) -> Owner:
        async with self._changing:
            owner = self._owner(owner_id)
            edited = edit(owner)
            if edited != owner:
                await self._store.save(edited)
                self._forget(owner_id)
            return edited

    def _finish_edit(self, task: "asyncio.Task[Owner]") -> None:
        self._edits.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits has it; who has left does not want it

    def _now_ms(self) -> int:
        return int(self._clock.now_s() * 1000)


def _found(owner: _Found | None, owner_id: str) -> _Found:
    if owner is None:
        raise NotFound(f"There is no {owner_id} here.", reason="unknown_owner")
    return owner


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > _NAME_LENGTH_MAX or not name.isprintable():
        raise InvalidRequest(
            f"A name has 1 to {_NAME_LENGTH_MAX} printable characters.", param="name"
        )
    return name


def _checked_limits(limits: Limits) -> Limits:
    """With each window once in ``soft_budgets``, in the order of their names."""
    for name in _RATES:
        _check_amount(name, getattr(limits, name), least=1)
    for name in _BUDGETS:
        _check_amount(name, getattr(limits, name), least=0)
    unknown = sorted(set(limits.soft_budgets).difference(BUDGET_WINDOWS))
    if unknown:
        raise InvalidRequest(
            f"{unknown[0]!r} is no window of a budget: {', '.join(BUDGET_WINDOWS)}.", param="soft"
        )
    soft = tuple(window for window in BUDGET_WINDOWS if window in limits.soft_budgets)
    return replace(limits, soft_budgets=soft)


def _check_amount(name: str, amount: int | None, *, least: int) -> None:
    if amount is not None and not least <= amount <= _AMOUNT_MAX:
        raise InvalidRequest(f"{name} must be from {least} to {_AMOUNT_MAX}.", param=name)
