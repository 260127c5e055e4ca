"""Signing in by an issuer: who comes in, as whom, and who stays outside. The issuer is real."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from msgspec.structs import replace

from kilonova.accounts.directory import Directory
from kilonova.accounts.oidc.sign_in import OidcSignIn
from kilonova.accounts.vault import Vault
from kilonova.core.clock import SystemClock
from kilonova.core.errors import (
    Conflict,
    Forbidden,
    KilonovaError,
    NotFound,
    Overloaded,
    RateLimited,
    Unauthenticated,
)
from kilonova.core.members import OpenedSession
from kilonova.settings import OidcRule, OidcSettings, SettingsError
from kilonova.stores.memory import MemoryAccounts
from oidc_issuer import CLIENT_ID, SECRET, LocalIssuer, local_issuer
from unit.accounts.people import PASSWORD, People, open_people, shown

ADA = {"sub": "ada-1", "email": "ada@example.com", "email_verified": True, "name": "Ada L."}
BO = {"sub": "bo-1", "email": "bo@example.com", "email_verified": True, "groups": ["ml", "x"]}
HOME = "http://127.0.0.1:8040"


@pytest.fixture(scope="module")
def service() -> Iterator[LocalIssuer]:
    with local_issuer() as running:
        yield running


@pytest.fixture
def issuer(service: LocalIssuer) -> LocalIssuer:
    """As new, with Ada and Bo."""
    fresh = LocalIssuer(url=service.url, keys=service.keys[:1])
    for name, value in vars(fresh).items():
        setattr(service, name, value)
    service.people = {"ada": dict(ADA), "bo": dict(BO)}
    return service


@dataclass
class Door:
    """An installation with an owner (Ada), and the way in by the issuer."""

    people: People
    issuer: LocalIssuer
    sign_in: OidcSignIn
    settings: OidcSettings
    clock: Any

    async def go(self, who: str, **how: Any) -> tuple[str, dict[str, str]]:
        """To the issuer and back: what the browser kept, and what it came back with."""
        address, kept = await self.sign_in.start(
            HOME, organisation=how.get("organisation"), invitation=how.get("invitation")
        )
        back = self.issuer.pick(address, who)
        return kept, {"code": back["code"], "state": back["state"], "issuer": back.get("iss", "")}

    async def enter(self, who: str, **how: Any) -> OpenedSession:
        kept, back = await self.go(who, **how)
        return await self.finish(kept, back)

    async def finish(self, kept: str | None, back: dict[str, str]) -> OpenedSession:
        return await self.sign_in.finish(
            kept, code=back["code"], state=back["state"], issuer=back["issuer"] or None
        )

    async def refused(self, who: str, **how: Any) -> KilonovaError:
        with pytest.raises(KilonovaError) as found:
            await self.enter(who, **how)
        return found.value

    @property
    def organisation(self) -> str:
        return self.people.accounts.organisations()[0].id


class MovableClock(SystemClock):
    """The machine's, and a little more."""

    ahead_s = 0.0

    def now_s(self) -> float:
        return super().now_s() + self.ahead_s

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.ahead_s


async def _door(issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch, **how: Any) -> Door:
    monkeypatch.setenv("OIDC_SECRET", SECRET)
    store, vault, clock = MemoryAccounts(), Vault(b"m" * 32), MovableClock()
    people = open_people(store, vault, clock, Directory(store, vault, clock))
    people.members.has_passwords = how.get("passwords", True)
    await people.accounts.start(can_show_key=False)
    await people.first_owner()
    settings = OidcSettings(
        issuer=issuer.url, client_id=CLIENT_ID, client_secret="env:OIDC_SECRET", **how
    )
    sign_in = OidcSignIn.open(settings, people.members, vault=vault, clock=clock)
    return Door(people, issuer, sign_in, settings, clock)


@pytest.fixture
async def door(issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch) -> Door:
    return await _door(issuer, monkeypatch)


async def test_a_member_is_bound_to_the_subject_at_the_first_time(door: Door) -> None:
    """Protects members: the verified e-mail counts once, then the subject alone, whatever becomes
    of the e-mail; and another person who gets the e-mail later is not let in by it."""
    first = await door.enter("ada")
    assert (first.member.role, first.member.subject) == ("owner", "ada-1")
    assert door.people.members.find(shown(first)).member == first.member
    door.issuer.people["ada"]["email"] = "ada@elsewhere.example"
    again = await door.enter("ada")
    assert again.member == first.member
    door.issuer.people["eve"] = {**ADA, "sub": "eve-1"}
    refused = await door.refused("eve")
    assert isinstance(refused, Forbidden)
    assert refused.reason == "oidc_other"


async def test_an_email_that_is_not_verified_opens_nothing(door: Door) -> None:
    """Protects members from whoever types their address into an issuer."""
    for spoiled in ({"email_verified": False}, {"email_verified": None}, {"email": None}):
        door.issuer.people["eve"] = {**ADA, "sub": "eve-1", **spoiled}
        assert (await door.refused("eve")).reason == "oidc_email"
    assert door.people.members.members(door.organisation)[0].subject == ""


async def test_who_is_nobody_here_is_told_so(door: Door) -> None:
    """Protects organisations: an account at the issuer alone opens nothing."""
    refused = await door.refused("bo")
    assert isinstance(refused, Forbidden)
    assert refused.reason == "oidc_unknown"
    assert "bo@example.com" in refused.message


async def test_an_invitation_is_used_up_by_whom_it_is_for(door: Door) -> None:
    """Protects invitations: for the invited e-mail alone, once; it also binds a member anew."""
    invite = door.people.members.invite
    _, token = await invite(None, door.organisation, email="bo@example.com", role="viewer")
    wrong = await door.refused("ada", invitation=token)
    assert wrong.reason == "oidc_invitation"
    joined = await door.enter("bo", invitation=token)
    assert (joined.member.role, joined.member.password_hash) == ("viewer", "")
    assert (await door.refused("bo", invitation=token)).reason == "invitation"
    door.issuer.people["bo"]["sub"] = "bo-2"
    assert (await door.refused("bo")).reason == "oidc_other"
    _, token = await invite(None, door.organisation, email="bo@example.com", role="viewer")
    anew = await door.enter("bo", invitation=token)
    assert (anew.member.id, anew.member.subject) == (joined.member.id, "bo-2")
    with pytest.raises(Unauthenticated):
        door.people.members.find(shown(joined))


async def test_rules_let_people_in(issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects big organisations: by a group or a domain, into the organisation that is named; and
    a rule for an organisation that is not there lets nobody in."""
    rules = (
        OidcRule(claim="groups", value="ml", organisation="lab", role="admin"),
        OidcRule(domain="nowhere.example", organisation="gone"),
        OidcRule(domain="guests.example", role="viewer"),
    )
    door = await _door(issuer, monkeypatch, admit=rules)
    lab = await door.people.accounts.create_organisation("lab")
    opened = await door.enter("bo")
    assert (opened.member.organisation_id, opened.member.role) == (lab.id, "admin")
    assert opened.member.name == "bo"
    assert (await door.enter("bo")).member == opened.member
    door.issuer.people["cy"] = {**BO, "sub": "cy", "email": "cy@guests.example", "groups": None}
    assert (await door.enter("cy")).member.organisation_id == door.organisation
    door.issuer.people["di"] = {**BO, "sub": "di", "email": "di@nowhere.example", "groups": []}
    assert (await door.refused("di")).reason == "oidc_unknown"


async def test_roles_follow_where_that_is_wanted(
    issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects who manages groups elsewhere: the role is the rule's at every sign-in; the last
    owner stays one, and without the setting nobody's role moves."""
    rules = (
        OidcRule(claim="groups", value="boss", role="admin"),
        OidcRule(domain="example.com", role="viewer"),
    )
    door = await _door(issuer, monkeypatch, admit=rules, roles_follow=True)
    assert (await door.enter("bo")).member.role == "viewer"
    door.issuer.people["bo"]["groups"] = ["boss"]
    assert (await door.enter("bo")).member.role == "admin"
    assert (await door.enter("ada")).member.role == "owner"
    still = await _door(issuer, monkeypatch, admit=rules)
    assert (await still.enter("bo")).member.role == "admin"
    door.issuer.people["bo"]["groups"] = []
    assert (await still.enter("bo")).member.role == "admin"


async def test_who_is_in_several_organisations_names_one(door: Door) -> None:
    """Protects people of two organisations, each of which is a member of its own."""
    lab = await door.people.accounts.create_organisation("lab")
    await door.people.new_member(lab.id, "ada@example.com", "viewer")
    refused = await door.refused("ada")
    assert isinstance(refused, Conflict)
    assert refused.reason == "several_organisations"
    in_lab = await door.enter("ada", organisation="lab")
    assert in_lab.member.organisation_id == lab.id
    at_home = await door.enter("ada", organisation=door.organisation)
    assert at_home.member.role == "owner"
    assert isinstance(await door.refused("ada"), Conflict)


async def test_a_code_works_once_and_in_its_own_browser(door: Door) -> None:
    """Protects the way back: a replayed code, another browser's state, a state without its cookie,
    one of another server, one that is old."""
    kept, back = await door.go("ada")
    other, others = await door.go("bo")
    for cookie, answer in (
        (None, back), ("", back), ("x" * 40, back), (kept[:-4] + "AAAA", back),
        (kept, {**back, "state": others["state"]}), (other, back), (kept, {**back, "state": "é"}),
    ):  # fmt: skip
        with pytest.raises(Unauthenticated) as refused:
            await door.finish(cookie, answer)
        assert refused.value.reason == "oidc_state"
    # Another's code in one's own flow: PKCE does not let it through.
    with pytest.raises(Unauthenticated) as injected:
        await door.finish(kept, {**back, "code": others["code"]})
    assert injected.value.reason == "oidc_code"
    assert (await door.finish(kept, back)).member.email == "ada@example.com"
    with pytest.raises(Unauthenticated) as replayed:
        await door.finish(kept, back)
    assert replayed.value.reason == "oidc_code"
    kept, back = await door.go("ada")
    door.clock.ahead_s = 601
    with pytest.raises(Unauthenticated) as late:
        await door.finish(kept, back)
    assert late.value.reason == "oidc_state"


@pytest.mark.parametrize(
    "spoiled",
    [
        {"spoil": {"nonce": "another"}},
        {"spoil": {"aud": "another-client"}},
        {"spoil": {"exp": 1_700_000_000}},
        {"spoil": {"iss": "https://evil.example"}},
        {"spoil": {"at_hash": "AAAA"}},
        {"header": {"alg": "none"}},
        {"header": {"kid": "unknown"}},
        {"key": RSAKey.generate_key(2048, {"kid": "first"})},
    ],
    ids=lambda spoiled: str(next(iter(spoiled.items())))[:40],
)
async def test_a_token_that_does_not_hold_opens_nothing(
    door: Door, spoiled: dict[str, Any]
) -> None:
    """Protects accounts from the whole list of attacks, over the wire; what was wrong is not told
    to the browser."""
    for name, value in spoiled.items():
        setattr(door.issuer, name, value)
    refused = await door.refused("ada")
    assert isinstance(refused, Unauthenticated)
    assert refused.reason == "oidc_token"
    assert "nonce" not in refused.message


async def test_an_answer_of_another_issuer_is_refused(door: Door) -> None:
    """Protects against mix-up (RFC 9207): the code was meant for somebody else's address."""
    kept, back = await door.go("ada")
    for issuer in ("https://evil.example", ""):
        with pytest.raises(Unauthenticated) as refused:
            await door.finish(kept, {**back, "issuer": issuer})
        assert refused.value.reason == "oidc_token"
    assert door.issuer.asked.count("/token") == 0


async def test_keys_rotate_and_are_not_fetched_at_will(door: Door) -> None:
    """Protects both sides: a new key is taken up at once, and unknown keys cannot be used to make
    us ask the issuer again and again."""
    await door.enter("ada")
    door.issuer.rotate()
    assert (await door.enter("ada")).member.role == "owner"
    assert door.issuer.asked.count("/keys") == 2
    door.issuer.header = {"kid": "unknown"}
    for _ in range(3):
        assert (await door.refused("ada")).reason == "oidc_token"
    assert door.issuer.asked.count("/keys") == 2
    door.clock.ahead_s = 31
    assert (await door.refused("ada")).reason == "oidc_token"
    assert door.issuer.asked.count("/keys") == 3


async def test_an_issuer_that_tells_little_is_asked_for_more(
    issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects people of issuers that put e-mail or groups behind userinfo, want the secret in the
    form, or do not say who they are; the user info of somebody else counts for nothing."""
    issuer.hides, issuer.auth_methods = (
        ("email", "email_verified", "groups"),
        ("client_secret_post",),
    )
    issuer.says_issuer = False
    rules = (OidcRule(claim="groups", value="ml", role="viewer"),)
    door = await _door(issuer, monkeypatch, admit=rules)
    assert (await door.enter("ada")).member.role == "owner"
    assert (await door.enter("bo")).member.role == "viewer"
    issuer.people["eve"] = {**ADA, "sub": "eve"}
    issuer.spoil = {"sub": "someone"}
    assert (await door.refused("eve")).reason == "oidc_email"


async def test_an_issuer_that_is_down_keeps_nobody_waiting(door: Door) -> None:
    """Protects people: a clear answer, and again in as soon as it is back."""
    door.issuer.is_down = True
    with pytest.raises(Overloaded) as refused:
        await door.sign_in.start(HOME, organisation=None, invitation=None)
    assert refused.value.reason == "oidc_unreachable"
    for _ in range(5):
        assert "503" in str(await door.sign_in.problem())
    assert len(door.issuer.asked) == 1
    door.issuer.is_down = False
    door.clock.ahead_s = 4
    assert await door.sign_in.problem() is None
    kept, back = await door.go("ada")
    door.issuer.is_down = True
    door.issuer.url, right = "http://127.0.0.1:1", door.issuer.url
    with pytest.raises((Overloaded, Unauthenticated)):
        await door.finish(kept, back)
    door.issuer.url, door.issuer.is_down = right, False


async def test_finishing_is_limited(door: Door) -> None:
    """Protects the issuer: who begins and guesses codes over and over is slowed down."""
    kept, back = await door.go("ada")
    for _ in range(10):
        with pytest.raises(Unauthenticated):
            await door.finish(kept, {**back, "code": "guess"})
    with pytest.raises(RateLimited):
        await door.finish(kept, back)


async def test_passwords_can_be_off_but_for_the_last_owner(
    issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects organisations that want one way in, and their last owner from being locked out."""
    door = await _door(issuer, monkeypatch, passwords=False)
    members = door.people.members
    assert (await members.sign_in("ada@example.com", PASSWORD, None)).member.role == "owner"
    _, token = await members.invite(None, door.organisation, email="bo@example.com", role="owner")
    with pytest.raises(Forbidden) as refused:
        await members.join(token, "Bo", PASSWORD)
    assert refused.value.reason == "passwords_off"
    assert (await door.enter("bo", invitation=token)).member.role == "owner"
    with pytest.raises(Forbidden):
        await members.sign_in("ada@example.com", PASSWORD, None)
    with pytest.raises(Unauthenticated):
        await members.sign_in("ada@example.com", "wrong", None)
    ada = (await door.enter("ada")).member
    with pytest.raises(Forbidden):
        await members.change_password(ada, PASSWORD, "another good password")


async def test_a_member_without_a_password_has_none(door: Door) -> None:
    """Protects who joined by the issuer: no password, an empty one included, opens the account."""
    _, token = await door.people.members.invite(
        None, door.organisation, email="bo@example.com", role="viewer"
    )
    await door.enter("bo", invitation=token)
    with pytest.raises(Unauthenticated):
        await door.people.members.sign_in("bo@example.com", "", None)


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        ({"issuer": "http://id.example"}, "oidc.issuer: write an https"),
        ({"issuer": "https://user@id.example"}, "oidc.issuer"),
        ({"client_id": ""}, "oidc.client_id"),
        ({"client_secret": "hunter2"}, "oidc.client_secret: write a reference"),
        ({"client_secret": "env:NOT_THERE_AT_ALL"}, "NOT_THERE_AT_ALL is not in the environment"),
        ({"client_secret": "file:/not/there"}, "cannot be read"),
        ({"scopes": ("email",)}, "openid must be among"),
        ({"admit": (OidcRule(role="admin"),)}, "entry 1 would let everybody in"),
        ({"admit": (OidcRule(claim="groups"),)}, "entry 1 would let everybody in"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_wrong_settings_are_named(door: Door, spoiled: dict[str, Any], words: str) -> None:
    """Protects operators: what is wrong is said at the start, and the secret is not repeated."""
    settings = replace(door.settings, **spoiled)
    with pytest.raises(SettingsError, match=words) as refused:
        OidcSignIn.open(settings, door.people.members, vault=Vault(b"m" * 32), clock=SystemClock())
    assert "hunter2" not in str(refused.value)


async def test_the_address_must_be_the_issuers_own(
    issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects against a mistyped issuer, whose tokens would all be refused later: both names are
    told at once."""
    door = await _door(issuer, monkeypatch)
    other = replace(door.settings, issuer=f"{issuer.url}/")
    people = door.people.members
    sign_in = OidcSignIn.open(other, people, vault=Vault(b"m" * 32), clock=SystemClock())
    problem = await sign_in.problem()
    assert problem is not None
    assert f"'{issuer.url}'" in problem


async def test_an_unused_invitation_is_still_good(door: Door) -> None:
    """Protects who was refused: nothing is used up by a sign-in that failed."""
    _, token = await door.people.members.invite(
        None, door.organisation, email="bo@example.com", role="viewer"
    )
    door.issuer.spoil = {"nonce": "another"}
    assert (await door.refused("bo", invitation=token)).reason == "oidc_token"
    door.issuer.spoil = {}
    assert (await door.enter("bo", invitation=token)).member.role == "viewer"
    with pytest.raises(NotFound):
        door.people.members.invited(token)
