"""An administrator, a directory, and the store between them."""

from dataclasses import dataclass

from kilonova.accounts.directory import Directory
from kilonova.accounts.service import Accounts
from kilonova.accounts.vault import Vault
from kilonova.stores.memory import MemoryAccounts
from ledger_samples import FixedClock


@dataclass
class Office:
    """Accounts and directory over one store in memory."""

    store: MemoryAccounts
    clock: FixedClock
    vault: Vault
    directory: Directory
    accounts: Accounts
