"""Alembic's entry: writes SQL, never executes it. The store does that, in one transaction."""

from alembic import context

context.configure(dialect_name="sqlite", literal_binds=True)
context.run_migrations()
