"""The audit log: written beside each change, in order, and not to be changed unseen."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace

from kilonova.admin.audit import prove
from kilonova.billing.posting import post
from kilonova.core.audit import OPERATOR, Actor, AuditEntry, AuditFilter, Fact, act_as
from kilonova.core.books import Entry, Posted
from kilonova.core.corrections import Adjustment
from kilonova.core.errors import Conflict
from kilonova.core.identity import Key, Limits, Organisation, Project
from kilonova.core.members import Gone, Invitation, Member, Session
from kilonova.stores.sql.store import SqlStore

ACME = Organisation(id="org_1", name="acme")
LAB = Project(id="proj_1", organisation_id="org_1", name="lab")
KEY = Key(id="key_1", organisation_id="org_1", project_id="proj_1", name="laptop")
ADA = Member(
    id="mem_1", organisation_id="org_1", email="ada@example.com", name="Ada", role="owner",
    password_hash="$argon2id$secret",
)  # fmt: skip
BO = Actor("mem_2", "bo@example.com")


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[SqlStore]:
    """An empty store on disk."""
    store = SqlStore.open(tmp_path / "kilonova.db", post)
    yield store
    await store.close()


def _told(store: SqlStore) -> list[tuple[str, str, str]]:
    return [(each.actor, each.action, each.subject) for each in store.audit.walk()]


async def test_each_change_is_told_with_who_asked(opened: SqlStore) -> None:
    """Protects accountability: keys, limits, members, invitations and money, by whom and what."""
    await opened.accounts.save(ACME, LAB)
    with act_as(OPERATOR):
        await opened.accounts.save(KEY)
        budget = replace(KEY, limits=Limits(budget_nano=2_500_000_000))
        await opened.accounts.save(budget)
    with act_as(BO):
        await opened.accounts.save(replace(budget, revoked_ms=5))
        await opened.accounts.save(replace(budget, revoked_ms=5))
        await opened.members.write(
            Invitation(
                digest=b"i", id="inv_1", organisation_id="org_1", email=ADA.email, role="owner",
                created_ms=1, expires_ms=2,
            )
        )  # fmt: skip
    session = Session(digest=b"s", member_id="mem_1", created_ms=1, seen_ms=1)
    await opened.members.write(Gone("invitation", b"i"), ADA, session)
    await opened.members.write(replace(session, digest=b"t"))
    with act_as(BO):
        await opened.members.write(replace(ADA, role="viewer"))
        await opened.members.write(Gone("member", "mem_1"), Gone("sessions", "mem_1"))
    assert _told(opened) == [
        ("system", "organisation.created", "org_1"),
        ("system", "project.created", "proj_1"),
        ("operator", "key.created", "key_1"),
        ("operator", "limits.changed", "key_1"),
        ("mem_2", "key.revoked", "key_1"),
        ("mem_2", "invitation.sent", "inv_1"),
        ("mem_1", "member.joined", "mem_1"),
        ("mem_1", "member.signed_in", "mem_1"),
        ("mem_2", "member.role_changed", "mem_1"),
        ("mem_2", "member.removed", "mem_1"),
    ]
    entries = list(opened.audit.walk())
    assert entries[3].detail == '{"budget":[null,"2.5"]}'
    assert not any("argon2" in each.detail for each in entries)
    assert prove(iter(entries)).is_sound


async def test_money_is_told_with_it(opened: SqlStore) -> None:
    """Protects the books: a refund stands in the log, in the same transaction."""
    refund = Adjustment(
        id="adj_1", organisation_id="org_1", kind="refund", amount_nano=-5_000_000_000,
        currency="USD", reason="an outage", booked_ms=1,
    )  # fmt: skip
    entries = (Entry("a", -5_000_000_000), Entry("b", 5_000_000_000))
    with act_as(OPERATOR):
        await opened.corrections.adjust([Posted(refund, entries)])
    last = opened.audit.page(AuditFilter(organisation_id="org_1"))[0]
    assert (last.actor, last.action, last.subject) == ("operator", "refund.booked", "adj_1")
    assert '"amount":"-5"' in last.detail


async def test_what_is_refused_is_not_told(opened: SqlStore) -> None:
    """Protects the log's truth: a change that the store turns down leaves no entry and no hole,
    though it shared a commit with others."""
    await opened.accounts.save(ACME)
    twin = Organisation(id="org_2", name="acme")
    done = await asyncio.gather(
        opened.accounts.save(LAB),
        opened.accounts.save(twin),
        opened.accounts.save(KEY),
        return_exceptions=True,
    )
    assert isinstance(done[1], Conflict)
    assert [subject for _, _, subject in _told(opened)] == ["org_1", "proj_1", "key_1"]
    assert prove(opened.audit.walk()).is_sound


async def test_pages_show_an_organisation_its_own(opened: SqlStore) -> None:
    """Protects organisations from each other, and long logs from being sent whole."""
    for number in range(5):
        fact = Fact(action="x.done", subject=str(number), organisation_id=f"org_{number % 2}")
        await opened.audit.append(fact)
    found = opened.audit.page(AuditFilter(organisation_id="org_0", limit=2))
    assert [each.subject for each in found] == ["4", "2"]
    rest = opened.audit.page(AuditFilter(organisation_id="org_0", before=found[-1].number))
    assert [each.subject for each in rest] == ["0"]
    assert [each.number for each in opened.audit.page(AuditFilter())] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("UPDATE audit SET actor_name = 'nobody' WHERE number = 2", "entry 2 is not"),
        ("DELETE FROM audit WHERE number = 2", "entries 2 to 2 are missing"),
    ],
)
async def test_a_changed_log_is_found_out(tmp_path: Path, damage: str, complaint: str) -> None:
    """Protects the log from whoever can write the file: the chain breaks where it was touched."""
    path = tmp_path / "kilonova.db"
    store = SqlStore.open(path, post)
    await store.accounts.save(ACME, LAB, KEY)
    before = prove(store.audit.walk())
    assert before.is_sound
    await store.close()
    connection = apsw.Connection(str(path))
    connection.execute(damage)
    connection.close()
    store = SqlStore.open(path, post)
    proof = prove(store.audit.walk())
    assert not proof.is_sound
    assert complaint in proof.problems[0]
    await store.close()


def test_an_empty_log_is_sound() -> None:
    """Protects a new installation."""
    nothing: list[AuditEntry] = []
    assert prove(nothing).is_sound


async def test_entries_are_sought_by_who_what_and_when(opened: SqlStore) -> None:
    """Protects who looks for one entry among many: by id or name, by an action or all of a kind,
    by time, and further back than any page; entries of others stay out."""
    for number in range(260):
        kind = ("key.created", "key.revoked", "keys.odd", "member.joined")[number % 4]
        actor = BO if number % 2 else OPERATOR
        owner = "org_1" if number % 5 else "org_2"
        await opened.audit.append(
            Fact(action=kind, subject=f"s_{number}", organisation_id=owner, actor=actor)
        )
    entries = list(opened.audit.walk())
    middle = entries[130].at_ms
    for chosen in (
        AuditFilter(limit=1000),
        AuditFilter(organisation_id="org_1", limit=1000),
        AuditFilter(actor="mem_2", limit=1000),
        AuditFilter(actor="bo@example.com", organisation_id="org_2", limit=1000),
        AuditFilter(action="key", limit=1000),
        AuditFilter(action="key.revoked", actor="operator", limit=1000),
        AuditFilter(action="%", limit=1000),
        AuditFilter(since_ms=middle, limit=1000),
        AuditFilter(until_ms=middle, before=100, limit=1000),
    ):
        wanted = [each for each in reversed(entries) if chosen.holds(each)]
        assert opened.audit.page(chosen) == wanted, chosen
    kinds = {each.action for each in opened.audit.page(AuditFilter(action="key", limit=1000))}
    assert kinds == {"key.created", "key.revoked"}
    turned: list[int] = []
    while found := opened.audit.page(AuditFilter(before=turned[-1] if turned else None, limit=50)):
        turned += [each.number for each in found]
    assert turned == list(range(260, 0, -1))
