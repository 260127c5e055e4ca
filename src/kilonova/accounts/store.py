"""The face of a store of accounts, as this package needs it."""

from asyncio import Future
from typing import Protocol

from kilonova.core.identity import Key, Organisation, Project

__all__ = ["AccountStore", "Owner"]

Owner = Organisation | Project | Key


class AccountStore(Protocol):
    """Reads see what is durable. Names of organisations, and of projects in one, are unique."""

    def save(self, *owners: Owner) -> "Future[None]":
        """Insert or replace all of them at once; raises Conflict where a name is taken."""

    def organisation(self, organisation_id: str) -> Organisation | None: ...

    def organisations(self) -> list[Organisation]: ...

    def project(self, project_id: str) -> Project | None: ...

    def projects(self, organisation_id: str) -> list[Project]: ...

    def key(self, key_id: str) -> Key | None: ...

    def keys(self, project_id: str) -> list[Key]: ...

    def key_of_bearer(self, digest: bytes) -> Key | None: ...

    def key_of_access_key(self, access_key_id: str) -> Key | None: ...

    def note(self, name: str) -> str | None:
        """A small text kept beside the accounts, such as the fingerprint of the master key."""

    def save_note(self, name: str, text: str) -> "Future[None]": ...
