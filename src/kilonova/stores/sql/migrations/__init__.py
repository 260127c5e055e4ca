"""Alembic's scripts, and in ``steps`` the SQL that they come to."""
