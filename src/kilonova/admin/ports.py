"""What the control plane needs of the parts that it stands on. ``app.py`` plugs them in."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeVar

from kilonova.core.identity import Key, Limits, Organisation, Project

__all__ = ["Customers", "MintedKey", "OrderForm"]

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
