"""Organisations, projects and keys on disk. Written through the one writer, read at once."""

from typing import Any

import apsw

from kilonova.core.identity import Key, Organisation, Project
from kilonova.stores.audit_facts import owner_facts
from kilonova.stores.sql import compiled
from kilonova.stores.sql.audit_chain import noted
from kilonova.stores.sql.operations import Row, Save
from kilonova.stores.sql.rows import (
    as_key,
    as_organisation,
    as_project,
    key_row,
    organisation_row,
    project_row,
)
from kilonova.stores.sql.writer import Done, Writer

__all__ = ["SqlAccounts"]


class SqlAccounts:
    """Implements ``accounts.store.AccountStore``. Reads see what is durable."""

    def __init__(self, writer: Writer, reader: apsw.Connection) -> None:
        self._writer = writer
        self._reader = reader

    def save(self, *owners: Organisation | Project | Key) -> Done:
        told = [fact for owner in owners for fact in owner_facts(self._standing(owner), owner)]
        rows = tuple(_saving(owner) for owner in owners)
        return self._writer.submit(Save(rows, entries=noted(told)))

    def organisation(self, organisation_id: str) -> Organisation | None:
        row = self._first(compiled.ORGANISATION, organisation_id)
        return None if row is None else as_organisation(row)

    def organisations(self) -> list[Organisation]:
        return [as_organisation(row) for row in self._reader.execute(compiled.ORGANISATIONS)]

    def project(self, project_id: str) -> Project | None:
        row = self._first(compiled.PROJECT, project_id)
        return None if row is None else as_project(row)

    def projects(self, organisation_id: str) -> list[Project]:
        rows = self._reader.execute(compiled.PROJECTS, (organisation_id,))
        return [as_project(row) for row in rows]

    def key(self, key_id: str) -> Key | None:
        return self._key(compiled.KEY, key_id)

    def keys(self, project_id: str) -> list[Key]:
        return [as_key(row) for row in self._reader.execute(compiled.KEYS, (project_id,))]

    def key_of_bearer(self, digest: bytes) -> Key | None:
        return self._key(compiled.KEY_OF_BEARER, digest)

    def key_of_access_key(self, access_key_id: str) -> Key | None:
        return self._key(compiled.KEY_OF_ACCESS_KEY, access_key_id)

    def note(self, name: str) -> str | None:
        row = self._first(compiled.NOTE, name)
        return None if row is None else str(row[0])

    def save_note(self, name: str, text: str) -> Done:
        return self._writer.submit(Save(((compiled.NOTE_SAVE, (name, text)),)))

    def _standing(self, owner: Organisation | Project | Key) -> Organisation | Project | Key | None:
        match owner:
            case Organisation():
                return self.organisation(owner.id)
            case Project():
                return self.project(owner.id)
            case Key():
                return self.key(owner.id)

    def _key(self, statement: str, value: str | bytes) -> Key | None:
        row = self._first(statement, value)
        return None if row is None else as_key(row)

    def _first(self, statement: str, value: str | bytes) -> tuple[Any, ...] | None:
        # All rows are fetched, so that no cursor stays behind with an old snapshot open.
        rows = self._reader.execute(statement, (value,)).fetchall()
        return rows[0] if rows else None


def _saving(owner: Organisation | Project | Key) -> tuple[str, Row]:
    match owner:
        case Organisation():
            return compiled.ORGANISATION_SAVE, organisation_row(owner)
        case Project():
            return compiled.PROJECT_SAVE, project_row(owner)
        case Key():
            return compiled.KEY_SAVE, key_row(owner)
