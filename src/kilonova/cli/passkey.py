"""A key for the time of one command: made at its start, revoked at its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from kilonova.admin.schema import CreatedKey, NewKey
from kilonova.cli.run import Run

__all__ = ["passkey"]

_LIFE = timedelta(days=1)


@contextmanager
def passkey(run: Run, wish: NewKey) -> Iterator[CreatedKey]:
    """It also expires by itself, in case the command cannot revoke it."""
    expires_at = datetime.now(UTC) + _LIFE
    body = NewKey(
        organisation=wish.organisation,
        project=wish.project,
        kind=wish.kind,
        name=wish.name,
        expires_at=expires_at,
    )
    key = run.ask(lambda plane: plane.create_key(body))
    try:
        yield key
    finally:
        run.ask(lambda plane: plane.revoke_key(key.id))
