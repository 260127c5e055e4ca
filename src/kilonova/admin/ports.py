"""What the control plane needs of the parts that it stands on. ``app`` plugs them in."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeVar

from kilonova.core.identity import Key, Limits, Organisation, Project, SessionCredential
from kilonova.core.members import Applicant, Invitation, Member, OpenedSession, Role, SignedIn

__all__ = ["Customers", "MintedKey", "OrderForm", "Staff", "Vouching"]

Order = TypeVar("Order")
Order_contra = TypeVar("Order_contra", contravariant=True)
Order_co = TypeVar("Order_co", covariant=True)


class MintedKey(Protocol):
    """A key with its secret parts, which cannot be read again."""

    @property
    def key(self) -> Key: ...

    @property
    def bearer(self) -> str | None: ...

    @property
    def access_key_id(self) -> str | None: ...

    @property
    def secret(self) -> str | None: ...


class OrderForm(Protocol[Order_co]):
    """Writes an order for a key, in the type that ``Customers`` takes."""

    def __call__(
        self,
        *,
        name: str,
        kind: Literal["bearer", "access", "both"],
        limits: Limits,
        expires_ms: int | None,
    ) -> Order_co: ...


class Customers(Protocol[Order_contra]):
    """Organisations, projects and keys. Raises NotFound, Conflict and InvalidRequest."""

    def organisations(self) -> list[Organisation]: ...

    def organisation(self, organisation_id: str) -> Organisation: ...

    def projects(self, organisation_id: str) -> list[Project]: ...

    def project(self, project_id: str) -> Project: ...

    def keys(self, project_id: str) -> list[Key]: ...

    def key(self, key_id: str) -> Key: ...

    async def create_organisation(self, name: str, *, limits: Limits) -> Organisation: ...

    async def create_project(
        self, organisation_id: str, name: str, *, limits: Limits
    ) -> Project: ...

    async def create_key(self, project_id: str, order: Order_contra) -> MintedKey: ...

    async def revoke_key(self, key_id: str) -> Key: ...

    async def set_limits(self, owner_id: str, change: Callable[[Limits], Limits]) -> Limits: ...


class Staff(Protocol):
    """Members and their sessions. ``actor`` is the member who asks; None is the operator."""

    has_passwords: bool

    @property
    def needs_setup(self) -> bool: ...

    async def set_up(self, token: str, member: Applicant) -> OpenedSession: ...

    async def sign_in(
        self, email: str, password: str, organisation: str | None
    ) -> OpenedSession: ...

    def find(self, credential: SessionCredential) -> SignedIn:
        """Raises Unauthenticated."""

    def prove(self, credential: SessionCredential) -> SignedIn:
        """As ``find``, and the request was sent by our own page."""

    async def sign_out(self, signed_in: SignedIn, *, everywhere: bool) -> None: ...

    async def change_password(self, member: Member, old: str, new: str) -> OpenedSession: ...

    def members(self, organisation_id: str) -> list[Member]: ...

    def invitations(self, organisation_id: str) -> list[Invitation]: ...

    async def invite(
        self, actor: Member | None, organisation_id: str, *, email: str, role: Role
    ) -> tuple[Invitation, str]: ...

    def invited(self, token: str) -> Invitation: ...

    async def join(self, token: str, name: str, password: str) -> OpenedSession: ...

    async def withdraw(self, actor: Member | None, invitation_id: str) -> Invitation: ...

    async def set_role(self, actor: Member | None, member_id: str, role: Role) -> Member: ...

    async def remove(self, actor: Member | None, member_id: str) -> Member: ...

    async def sign_member_out(self, actor: Member | None, member_id: str) -> Member: ...

    async def open_key(self, member: Member, project_id: str) -> Key: ...

    def organisation_of(self, owner_id: str) -> str | None: ...

    def organisation_name(self, organisation_id: str) -> str: ...

    def organisation_named(self, name: str | None) -> str:
        """The id of the organisation of this id or name; of the first one where none is given."""


class Vouching(Protocol):
    """Another service that says who people are; ``label`` is what it is called."""

    label: str

    async def start(
        self, origin: str, *, organisation: str | None, invitation: str | None
    ) -> tuple[str, str]:
        """Where the browser goes from ``origin``, and what it keeps until it is back."""

    async def finish(
        self, kept: str | None, *, code: str, state: str, issuer: str | None
    ) -> OpenedSession:
        """Raises Unauthenticated, or Forbidden with the reason why not."""

    async def problem(self) -> str | None:
        """Why nobody can sign in by it now; None where all is well."""
