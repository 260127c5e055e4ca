"""Migrations: what is shipped is what Alembic says, and it runs up, down and not at all."""

from pathlib import Path

import apsw
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from kilonova.billing.posting import post
from kilonova.stores.error import StoreError
from kilonova.stores.sql import compiled, migrations, schema, statements
from kilonova.stores.sql.migrations import rendering, steps
from kilonova.stores.sql.store import SqlStore
from kilonova.stores.sql.tables import metadata

Schema = dict[str, tuple[tuple[object, ...], ...]]


def _schema(connection: apsw.Connection) -> Schema:
    """Every column and index of every table, as SQLite understands them."""
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema")]
    return {
        name: tuple(connection.execute(f"PRAGMA table_xinfo({name})").fetchall())
        + tuple(connection.execute(f"PRAGMA index_xinfo({name})").fetchall())
        for name in names
        if "alembic_version" not in name
    }


def test_the_shipped_text_is_up_to_date() -> None:
    """Protects against a change of tables, statements or revisions that was not rendered."""
    assert Path(compiled.__file__).read_text() == statements.module_text()
    folder = Path(steps.__file__).parent
    written = {path.name: path.read_text() for path in folder.glob("*.py")}
    assert written == rendering.module_texts()


def test_head_is_the_head_of_alembic() -> None:
    """Protects against a revision that is not shipped."""
    folder = Path(migrations.__file__).parent
    assert ScriptDirectory(folder).get_current_head() == schema.HEAD


def test_the_migrations_arrive_at_the_tables() -> None:
    """Protects against tables and revisions that drift apart."""
    migrated, described = apsw.Connection(""), apsw.Connection("")
    schema.upgrade(migrated)
    for table in metadata.sorted_tables:
        described.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        for index in table.indexes:
            described.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
    migrated.execute("DROP TABLE alembic_version")
    assert _schema(migrated) == _schema(described)
    checks = "SELECT group_concat(sql) FROM sqlite_schema WHERE name = 'holds'"
    assert "held_nano >= 0" in migrated.execute(checks).get


def test_every_step_goes_up_and_down_and_up() -> None:
    """Protects the way back of an operator who must return to the older version."""
    connection = apsw.Connection("")
    schema.upgrade(connection)
    top = _schema(connection)
    for revision in reversed(["", *(name for name, _up, _down in steps.STEPS)]):
        schema.downgrade(connection, revision)
        assert schema.revision_of(connection) == revision
    assert _schema(connection) == {}
    schema.upgrade(connection)
    assert _schema(connection) == top
    assert schema.revision_of(connection) == schema.HEAD


def test_keys_learn_who_made_them() -> None:
    """Protects usage by member from the day of the update: keys that are there ask the log, those
    of the console whose they are, and what the operator made stays nobody's."""
    store = apsw.Connection("")
    schema.upgrade(store)
    schema.downgrade(store, "0008")
    fields = "id, organisation_id, project_id, name, created_ms, soft_budgets"
    for key in ("key_ada", "key_operator", "key_console"):
        store.execute(f"INSERT INTO keys ({fields}) VALUES (?, 'o', 'p', '', 1, '')", (key,))
    told = "number, at_ms, organisation_id, actor, actor_name, action, subject, subject_name"
    for number, (actor, action, subject) in enumerate(
        (
            ("mem_ada", "key.created", "key_ada"),
            ("mem_eve", "key.revoked", "key_ada"),
            ("operator", "key.created", "key_operator"),
        )
    ):
        values = (number, 1, "o", actor, "", action, subject, "", "{}", b"")
        store.execute(
            f"INSERT INTO audit ({told}, detail, digest) VALUES (?,?,?,?,?,?,?,?,?,?)", values
        )
    store.execute("INSERT INTO member_keys VALUES ('mem_vi', 'p', 'key_console')")
    schema.upgrade(store)
    assert dict(store.execute("SELECT id, made_by FROM keys").fetchall()) == {
        "key_ada": "mem_ada",
        "key_operator": None,
        "key_console": "mem_vi",
    }


def test_a_step_that_fails_leaves_the_older_schema() -> None:
    """Protects the store from half a migration."""
    connection = apsw.Connection("")
    connection.execute("CREATE TABLE spending (level_id)")
    with pytest.raises(apsw.SQLError, match="already exists"):
        schema.upgrade(connection)
    assert schema.revision_of(connection) == ""
    assert list(_schema(connection)) == ["spending"]


async def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    """Protects a newer file from an older program."""
    path = tmp_path / "kilonova.db"
    store = SqlStore.open(path, post)
    await store.close()
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="schema 9999"):
        SqlStore.open(path, post)
