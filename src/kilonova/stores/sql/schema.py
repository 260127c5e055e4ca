"""The schema's revision: which one a file has, and how it gets to the one of this package."""

import apsw

from kilonova.core.crash import crash_point
from kilonova.stores.error import StoreError
from kilonova.stores.sql.migrations.steps import STEPS

__all__ = ["HEAD", "downgrade", "revision_of", "upgrade"]

HEAD = STEPS[-1][0]

_BASE = ""
_REVISIONS = (_BASE, *(revision for revision, _up, _down in STEPS))


def revision_of(connection: apsw.Connection) -> str:
    """The revision of a file; empty for a file without tables."""
    if not connection.table_exists("main", "alembic_version"):
        return _BASE
    return str(connection.execute("SELECT version_num FROM alembic_version").get or _BASE)


def upgrade(connection: apsw.Connection) -> None:
    """Bring a file to HEAD in one transaction; a newer file is refused, not touched."""
    stored = revision_of(connection)
    if stored == HEAD:
        return
    if stored not in _REVISIONS:
        raise StoreError(
            f"The store has schema {stored}, this version of Kilonova knows up to {HEAD}. "
            "Install the newer Kilonova again, or restore a backup from before it."
        )
    pending = STEPS[_REVISIONS.index(stored) :]
    _run(connection, [up for _revision, up, _down in pending])


def downgrade(connection: apsw.Connection, revision: str) -> None:
    """Go back to an older revision in one transaction; what only newer ones keep is lost."""
    stored = _REVISIONS.index(revision_of(connection))
    undone = [down for _revision, _up, down in STEPS[_REVISIONS.index(revision) : stored]]
    # Alembic leaves its own table behind, which the first step would want to make again.
    clearing = ["DROP TABLE alembic_version"] if revision == _BASE else []
    _run(connection, [*reversed(undone), *clearing])


def _run(connection: apsw.Connection, scripts: list[str]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    crash_point("migrate.begun")
    try:
        for script in scripts:
            connection.execute(script).fetchall()
        crash_point("migrate.written")
    except apsw.Error:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    crash_point("migrate.committed")
