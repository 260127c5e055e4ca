"""Who is calling: credentials to principals, with a bounded memory of the ones seen lately.

The memory is what makes a request cheap; ``forget`` is what keeps it true. Whoever changes a key, a
project or an organisation forgets it here in the same breath, so that a revoked key is refused from
the next request on.
"""

from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from kilonova.accounts.keys import is_bearer
from kilonova.accounts.store import AccountStore
from kilonova.accounts.vault import Vault
from kilonova.core.clock import Clock
from kilonova.core.errors import Unauthenticated
from kilonova.core.identity import (
    BearerCredential,
    Credential,
    Key,
    Level,
    Principal,
    SessionCredential,
    SignedCredential,
)

__all__ = ["Directory"]


class _Known(Struct, frozen=True):
    """A key that was looked up, with its secret where it has one and the caller signs."""

    principal: Principal
    expires_ms: int | None
    secret: str = ""


class Directory:
    """Implements ``core.ports.Authority``. Belongs to the event loop."""

    def __init__(
        self, store: AccountStore, vault: Vault, clock: Clock, *, remembered_max: int = 10_000
    ) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._remembered_max = remembered_max
        self.generation = 0
        # The id of the key that a session asks with; set where members can sign in.
        self.key_of_session: Callable[[SessionCredential], str] | None = None
        # Bearer keys by digest, signing keys by access key id; the oldest use comes first.
        self._known: OrderedDict[bytes | str, _Known] = OrderedDict()

    def principal(self, credential: Credential) -> Principal:
        """The caller, or Unauthenticated with reason malformed, unknown_key, revoked or expired."""
        now_s = self._clock.now_s()
        if isinstance(credential, BearerCredential):
            return self._of_bearer(credential, now_s)
        if isinstance(credential, SessionCredential):
            return self._of_session(credential, now_s)
        return self._of_signature(credential, now_s)

    def current(self, principal: Principal) -> Principal:
        """As it is on disk now; for a caller who waited while something changed."""
        known = self._admit(self._store.key(principal.key_id))
        return _unexpired(known, self._clock.now_s())

    def forget(self, owner_id: str) -> None:
        """Drop what is remembered of a key, a project or an organisation."""
        self.generation += 1
        stale = [
            name
            for name, known in self._known.items()
            if any(level.id == owner_id for level in known.principal.levels)
        ]
        for name in stale:
            del self._known[name]

    def _of_bearer(self, credential: BearerCredential, now_s: float) -> Principal:
        # A dictionary lookup may leak timing of the digest, which without the pepper tells nothing.
        digest = self._vault.digest(credential.token)
        known = self._recall(digest)
        if known is None:
            if not is_bearer(credential.token):
                raise Unauthenticated(
                    "The API key is not one of Kilonova's: after kn_live_ come letters and digits "
                    "of which the last check the others. "
                    "Check that it was copied whole.",
                    reason="malformed",
                )
            known = self._admit(self._store.key_of_bearer(digest))
            self._remember(digest, known)
        return _unexpired(known, now_s)

    def _of_signature(self, credential: SignedCredential, now_s: float) -> Principal:
        known = self._recall(credential.access_key_id)
        if known is None:
            key = self._store.key_of_access_key(credential.access_key_id)
            known = self._admit(key, "access key id")
            self._remember(credential.access_key_id, known)
        credential.prove(known.secret, now_s)
        return _unexpired(known, now_s)

    def _of_session(self, credential: SessionCredential, now_s: float) -> Principal:
        """A person's requests are few: nothing is remembered of them."""
        if self.key_of_session is None:
            raise Unauthenticated("Nobody can sign in here.", reason="missing")
        key = self._store.key(self.key_of_session(credential))
        return _unexpired(self._admit(key), now_s)

    def _recall(self, name: bytes | str) -> _Known | None:
        known = self._known.get(name)
        if known is not None:
            self._known.move_to_end(name)
        return known

    def _remember(self, name: bytes | str, known: _Known) -> None:
        self._known[name] = known
        if len(self._known) > self._remembered_max:
            self._known.popitem(last=False)

    def _admit(self, key: Key | None, what: str = "API key") -> _Known:
        if key is None:
            raise Unauthenticated(f"The {what} is unknown. Check it.", reason="unknown_key")
        if key.revoked_ms is not None:
            raise Unauthenticated(f"The {what} was revoked. Ask for a new one.", reason="revoked")
        secret = "" if key.secret_encrypted is None else self._vault.unseal(key)
        return _Known(self._principal_of(key), key.expires_ms, secret)

    def _principal_of(self, key: Key) -> Principal:
        project = self._store.project(key.project_id)
        organisation = self._store.organisation(key.organisation_id)
        assert project is not None, f"{key.id} has no project"
        assert organisation is not None, f"{key.id} has no organisation"
        return Principal(
            organisation_id=organisation.id,
            project_id=project.id,
            key_id=key.id,
            levels=(
                Level(key.id, key.limits),
                Level(project.id, project.limits),
                Level(organisation.id, organisation.limits),
            ),
        )


def _unexpired(known: _Known, now_s: float) -> Principal:
    if known.expires_ms is not None and now_s * 1000 >= known.expires_ms:
        raise Unauthenticated("The API key has expired. Ask for a new one.", reason="expired")
    return known.principal
