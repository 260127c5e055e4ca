"""The store of a home and the accounts in it: what the command line needs."""

import logging

from kilonova.accounts.directory import Directory
from kilonova.accounts.members import Members
from kilonova.accounts.service import Accounts, FirstStart
from kilonova.accounts.sessions import SessionLimits
from kilonova.accounts.vault import Vault
from kilonova.billing.posting import post
from kilonova.billing.prices.book_clock import open_book_clock
from kilonova.billing.recovery import recover
from kilonova.core.clock import Clock, SystemClock
from kilonova.home import Home
from kilonova.settings import Settings
from kilonova.stores.sql.store import SqlStore
from kilonova.telemetry.log import log_event

__all__ = ["Books"]


class Books:
    """The store of a home with the accounts in it, recovered and ready. The home is locked."""

    def __init__(
        self,
        store: SqlStore,
        accounts: Accounts,
        members: Members,
        *,
        directory: Directory,
        vault: Vault,
    ) -> None:
        self.store = store
        self.accounts = accounts
        self.members = members
        self.directory = directory
        self.vault = vault
        # The clock of everything that is booked; who signs in, and how old a signature is, is
        # told by the machine's own.
        self.clock: Clock = SystemClock()
        self.first_start: FirstStart | None = None
        self.setup_token: str | None = None

    @classmethod
    async def open(cls, home: Home, settings: Settings, *, can_show_key: bool = False) -> "Books":
        """``first_start`` is set when the first key was made, which is to be shown right away.

        Raises VaultError, SettingsError or the store's own errors with what to do."""
        clock = SystemClock()
        store = SqlStore.open(settings.store.sqlite_path(home.path), posting=post)
        try:
            steady = open_book_clock(store.ledger.newest(), settings.prices, clock)
            can_create = not store.accounts.organisations()
            vault = Vault.open(home.master_key_path, can_create=can_create)
            directory = Directory(store.accounts, vault, clock)
            accounts = Accounts(store.accounts, vault, clock, forget=directory.forget)
            console = settings.console
            members = Members.open(
                store.members,
                store.accounts,
                vault,
                clock=clock,
                limits=SessionLimits(idle_s=console.session_idle_s, max_s=console.session_s_max),
                sign_ins_per_minute=console.sign_ins_per_minute,
                has_passwords=settings.oidc.passwords or not settings.oidc.issuer,
            )
            books = cls(store, accounts, members, directory=directory, vault=vault)
            books.clock = steady
            books.first_start = await accounts.start(can_show_key=can_show_key)
            if console.enabled:
                directory.key_of_session = members.sessions.key_of
            if can_show_key and console.enabled:
                books.setup_token = await members.new_setup_token()
            recovered = await recover(store.ledger, steady)
        except BaseException:
            await store.close()
            raise
        if recovered:
            log_event(logging.WARNING, "recovered", requests=len(recovered))
        return books

    async def close(self) -> None:
        """Returns when everything queued is on disk."""
        await self.store.close()
