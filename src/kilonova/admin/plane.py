"""The control plane as a face: what an operator can ask of an installation.

The server answers it from its parts (``admin/control.py``); the command line asks either the
running server over HTTP or those same parts, opened by itself. Failures are KilonovaErrors.
"""

from typing import Protocol

from kilonova.admin.schema import (
    CreatedKey,
    KeyList,
    KeyQuery,
    KeyView,
    LevelView,
    LimitsChange,
    ModelList,
    NewKey,
    NewOrganisation,
    NewProject,
    OrganisationList,
    OrganisationView,
    PageQuery,
    ProjectList,
    ProjectQuery,
    ProjectView,
    RequestList,
    RequestQuery,
    Status,
    UsageQuery,
    UsageReport,
    Verification,
)

__all__ = ["ControlPlane"]


class ControlPlane(Protocol):
    """Parameters: the ids in the path, then the query or the body."""

    async def status(self) -> Status: ...

    async def create_organisation(self, body: NewOrganisation) -> OrganisationView: ...

    async def list_organisations(self, query: PageQuery) -> OrganisationList: ...

    async def create_project(self, body: NewProject) -> ProjectView: ...

    async def list_projects(self, query: ProjectQuery) -> ProjectList: ...

    async def create_key(self, body: NewKey) -> CreatedKey:
        """The answer holds the key's secrets, which are shown nowhere else."""

    async def list_keys(self, query: KeyQuery) -> KeyList: ...

    async def revoke_key(self, key_id: str) -> KeyView:
        """The key stops working at once. Revoking it again changes nothing."""

    async def limits(self, level_id: str) -> LevelView: ...

    async def set_limits(self, level_id: str, body: LimitsChange) -> LevelView: ...

    async def list_models(self) -> ModelList: ...

    async def usage(self, query: UsageQuery) -> UsageReport: ...

    async def list_requests(self, query: RequestQuery) -> RequestList: ...

    async def verify_ledger(self) -> Verification: ...
