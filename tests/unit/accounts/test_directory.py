"""Credentials to principals: proven, remembered, and forgotten at once."""

import pytest

from kilonova.accounts.keys import new_bearer
from kilonova.accounts.service import KeyOrder, NewKey
from kilonova.core.errors import Unauthenticated
from kilonova.core.identity import BearerCredential, Limits, SignedCredential
from kilonova.stores.memory import MemoryAccounts
from unit.accounts.office import Office


def _signed(access_key_id: str | None, expected: str | None) -> SignedCredential:
    def prove(secret: str, now_s: float) -> None:
        if secret != expected or now_s <= 0:
            raise Unauthenticated("The signature does not verify.", reason="signature")

    assert access_key_id is not None
    return SignedCredential(access_key_id, prove)


def _bearer(new_key: NewKey) -> BearerCredential:
    assert new_key.bearer is not None
    return BearerCredential(new_key.bearer)


def _reason(office: Office, credential: BearerCredential | SignedCredential) -> str | None:
    with pytest.raises(Unauthenticated) as caught:
        office.directory.principal(credential)
    return caught.value.reason


async def _key(office: Office, order: KeyOrder) -> NewKey:
    first = await office.accounts.start()
    project = (
        first.project
        if first
        else office.accounts.projects(office.accounts.organisations()[0].id)[0]
    )
    return await office.accounts.create_key(project.id, order)


async def test_both_halves_of_a_key_prove_the_same_caller(office: Office) -> None:
    """Protects attribution: bearer and signature of one key spend from one purse."""
    made = await _key(office, KeyOrder(kind="both", limits=Limits(budget_nano=7)))
    by_bearer = office.directory.principal(_bearer(made))
    by_signature = office.directory.principal(_signed(made.access_key_id, made.secret))
    assert by_bearer == by_signature
    assert [level.id.partition("_")[0] for level in by_bearer.levels] == ["key", "proj", "org"]
    assert by_bearer.levels[0].limits == Limits(budget_nano=7)
    assert by_bearer.key_id == made.key.id


async def test_what_is_not_a_key_is_refused_with_its_reason(office: Office) -> None:
    """Protects callers: a typing error, a foreign key and an unknown one are told apart."""
    await office.accounts.start()
    assert _reason(office, BearerCredential("sk-foreign")) == "malformed"
    assert _reason(office, BearerCredential("")) == "malformed"
    assert _reason(office, BearerCredential(new_bearer())) == "unknown_key"
    assert _reason(office, _signed("KNAKUNKNOWN", "any")) == "unknown_key"
    with pytest.raises(Unauthenticated, match="The access key id is unknown"):
        office.directory.principal(_signed("KNAKUNKNOWN", "any"))


async def test_a_wrong_signature_is_refused_each_time(office: Office) -> None:
    """Protects remembered keys: every request proves itself anew."""
    made = await _key(office, KeyOrder(kind="access"))
    office.directory.principal(_signed(made.access_key_id, made.secret))
    assert _reason(office, _signed(made.access_key_id, "other")) == "signature"


async def test_a_key_without_a_secret_cannot_sign(office: Office) -> None:
    """Protects against a caller who signs with an empty secret."""
    made = await _key(office, KeyOrder(kind="bearer"))
    assert made.access_key_id is None
    assert made.secret is None


async def test_revocation_is_immediate(office: Office) -> None:
    """Protects a leaked key's owner: the next request is refused, remembered or not."""
    made = await _key(office, KeyOrder(kind="both"))
    office.directory.principal(_bearer(made))
    office.directory.principal(_signed(made.access_key_id, made.secret))
    await office.accounts.revoke_key(made.key.id)
    assert _reason(office, _bearer(made)) == "revoked"
    assert _reason(office, _signed(made.access_key_id, made.secret)) == "revoked"


@pytest.mark.parametrize("level", [0, 1, 2])
async def test_new_limits_are_in_force_at_once(office: Office, level: int) -> None:
    """Protects budgets: a limit on any level reaches the next request."""
    made = await _key(office, KeyOrder())
    principal = office.directory.principal(_bearer(made))
    limits = Limits(requests_per_minute=3)
    await office.accounts.set_limits(principal.levels[level].id, lambda _: limits)
    assert office.directory.principal(_bearer(made)).levels[level].limits == limits


async def test_a_caller_who_waited_is_looked_up_anew(office: Office) -> None:
    """Protects against old limits and revoked keys: every change is seen, and who asks hears it."""
    made = await _key(office, KeyOrder())
    waiting, generation = office.directory.principal(_bearer(made)), office.directory.generation
    limits = Limits(budget_nano=1)
    await office.accounts.set_limits(made.key.id, lambda _: limits)
    assert office.directory.generation > generation
    assert office.directory.current(waiting).levels[0].limits == limits
    await office.accounts.revoke_key(made.key.id)
    with pytest.raises(Unauthenticated) as refusal:
        office.directory.current(waiting)
    assert refusal.value.reason == "revoked"


async def test_a_remembered_key_expires_too(office: Office) -> None:
    """Protects expiry dates from the memory that makes requests cheap."""
    expires_ms = int(office.clock.now * 1000) + 1000
    made = await _key(office, KeyOrder(expires_ms=expires_ms))
    office.directory.principal(_bearer(made))
    office.clock.now += 1
    assert _reason(office, _bearer(made)) == "expired"


async def test_the_memory_is_bounded_and_keeps_the_latest(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects the server's memory, and the cost of a request: known keys need no lookup."""
    made = [await _key(office, KeyOrder()) for _ in range(5)]
    for each in made:
        office.directory.principal(_bearer(each))
    assert len(office.directory._known) == 3
    monkeypatch.setattr(MemoryAccounts, "key_of_bearer", lambda _store, _digest: None)
    for each in made[2:]:
        office.directory.principal(_bearer(each))
    assert _reason(office, _bearer(made[0])) == "unknown_key"
