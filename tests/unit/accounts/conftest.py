"""An office for each test."""

import pytest

from kilonova.accounts.directory import Directory
from kilonova.accounts.service import Accounts
from kilonova.accounts.vault import Vault
from kilonova.stores.memory import MemoryAccounts
from ledger_samples import FixedClock
from unit.accounts.office import Office


@pytest.fixture
def office() -> Office:
    store, clock, vault = MemoryAccounts(), FixedClock(), Vault(b"m" * 32)
    directory = Directory(store, vault, clock, remembered_max=3)
    accounts = Accounts(store, vault, clock, forget=directory.forget)
    return Office(store, clock, vault, directory, accounts)
