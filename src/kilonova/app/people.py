"""What has to do with people, put together: their roster, what they keep, who vouches for them."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from kilonova.admin.conversations import ConversationLimits, Conversations
from kilonova.admin.desk import Desk, DeskRules
from kilonova.admin.ports import Vouching
from kilonova.admin.roster import Roster, RosterPlane
from kilonova.app.books import Books
from kilonova.core.audit import OPERATOR, act_as
from kilonova.core.clock import SystemClock
from kilonova.core.errors import Overloaded
from kilonova.core.shelf import Shelf, ShelfLimits
from kilonova.home import Home
from kilonova.settings import ConsoleSettings, Settings
from kilonova.stores.sql.shelf import SqlShelf
from kilonova.telemetry.log import log_event

__all__ = ["People", "open_roster", "open_shelf"]


def open_shelf(books: Books, settings: Settings) -> SqlShelf:
    """Where callers and members leave things."""
    limits = settings.limits
    return books.store.open_shelf(
        books.vault,
        SystemClock(),
        ShelfLimits(items_max=limits.kept_items_max, bytes_max=limits.kept_bytes_max),
    )


class People:
    """The members' side of a server. Belongs to the event loop. Raises SettingsError."""

    def __init__(self, books: Books, shelf: Shelf, settings: Settings) -> None:
        self._books = books
        self.conversations = _conversations(books, shelf, settings.console)
        self._vouching = _vouching(books, settings)

    def desk(self, settings: Settings, *, owner_of_request: Callable[[str], str | None]) -> Desk:
        """Where they come in."""
        return Desk(
            self._books.members,
            self.conversations,
            DeskRules(
                is_secure=settings.is_secure,
                kept_s=round(settings.console.session_s_max),
                currency=settings.prices.currency,
            ),
            owner_of_request=owner_of_request,
            vouching=self._vouching,
        )

    async def clear_up(self) -> None:
        """What a crash left of a member who was being removed goes; else at the next start."""
        members = self._books.members
        try:
            gone = await self.conversations.clear_up(lambda one: members.member(one) is not None)
        except Overloaded:
            return
        if gone:
            log_event(logging.INFO, "conversations_removed", conversations=gone)

    async def greet_issuer(self) -> None:
        """Says so where nobody could sign in; people are let in as soon as they can."""
        problem = None if self._vouching is None else await self._vouching.problem()
        if problem is not None:
            log_event(logging.WARNING, "oidc_unreachable", problem=problem)


def _conversations(books: Books, shelf: Shelf, console: ConsoleSettings) -> Conversations:
    accounts = books.accounts
    return Conversations(
        shelf,
        SystemClock(),
        project_ids=lambda owner: [each.id for each in accounts.projects(owner)],
        limits=ConversationLimits(
            count_max=console.conversations_max, bytes_max=console.conversation_bytes_max
        ),
    )


def _vouching(books: Books, settings: Settings) -> Vouching | None:
    """The sign-in by an issuer; None where none is set."""
    if not settings.oidc.issuer:
        return None
    # Here, because few installations have one: its library costs every start of the others.
    from kilonova.accounts.oidc.sign_in import OidcSignIn

    return OidcSignIn.open(settings.oidc, books.members, vault=books.vault, clock=SystemClock())


@asynccontextmanager
async def open_roster(home: Home, settings: Settings) -> AsyncIterator[RosterPlane]:
    """The members of a home on which no server runs. The caller holds the home's lock."""
    books = await Books.open(home, settings)
    try:
        conversations = _conversations(books, open_shelf(books, settings), settings.console)
        with act_as(OPERATOR):
            yield Roster(books.members, forget=conversations.forget)
    finally:
        await books.close()
