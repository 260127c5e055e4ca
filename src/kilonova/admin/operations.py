"""The admin API as one table. The server routes by it, the OpenAPI document is written from it,
and the command line calls through it, so the three cannot drift apart.
"""

from typing import Generic, Literal, TypeVar

from msgspec import Struct

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

__all__ = ["OPENAPI_PATH", "OPERATIONS", "Operation"]

Answer_co = TypeVar("Answer_co", bound=Struct, covariant=True)

OPENAPI_PATH = "/kn/v1/openapi.json"


class Operation(Struct, Generic[Answer_co], frozen=True, kw_only=True):
    """``path`` holds ``{id}`` where an id goes; at most one of ``query`` and ``body`` is read."""

    name: str
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    summary: str
    answer: type[Answer_co]
    query: type[Struct] | None = None
    body: type[Struct] | None = None
    status: int = 200


STATUS = Operation(
    name="status", method="GET", path="/kn/v1/status",
    summary="Version, readiness and engines of this installation.", answer=Status,
)  # fmt: skip
CREATE_ORGANISATION = Operation(
    name="create_organisation", method="POST", path="/kn/v1/organisations", status=201,
    summary="Make an organisation: a customer that pays, with a first project of its own.",
    body=NewOrganisation, answer=OrganisationView,
)  # fmt: skip
LIST_ORGANISATIONS = Operation(
    name="list_organisations", method="GET", path="/kn/v1/organisations",
    summary="All organisations, oldest first.", query=PageQuery, answer=OrganisationList,
)  # fmt: skip
CREATE_PROJECT = Operation(
    name="create_project", method="POST", path="/kn/v1/projects", status=201,
    summary="Make a project inside an organisation.", body=NewProject, answer=ProjectView,
)  # fmt: skip
LIST_PROJECTS = Operation(
    name="list_projects", method="GET", path="/kn/v1/projects",
    summary="Projects, oldest first, of one organisation or of all.",
    query=ProjectQuery, answer=ProjectList,
)  # fmt: skip
CREATE_KEY = Operation(
    name="create_key", method="POST", path="/kn/v1/keys", status=201,
    summary="Make a key. Its secrets are in this answer and nowhere else.",
    body=NewKey, answer=CreatedKey,
)  # fmt: skip
LIST_KEYS = Operation(
    name="list_keys", method="GET", path="/kn/v1/keys",
    summary="Keys, oldest first, revoked ones included.", query=KeyQuery, answer=KeyList,
)  # fmt: skip
REVOKE_KEY = Operation(
    name="revoke_key", method="DELETE", path="/kn/v1/keys/{id}",
    summary="Revoke a key: it stops working at once. Doing it again changes nothing.",
    answer=KeyView,
)  # fmt: skip
LIMITS = Operation(
    name="limits", method="GET", path="/kn/v1/limits/{id}",
    summary="Limits and spending of a key, project or organisation.", answer=LevelView,
)  # fmt: skip
SET_LIMITS = Operation(
    name="set_limits", method="PATCH", path="/kn/v1/limits/{id}",
    summary="Change limits of a key, project or organisation, at once.",
    body=LimitsChange, answer=LevelView,
)  # fmt: skip
LIST_MODELS = Operation(
    name="list_models", method="GET", path="/kn/v1/models",
    summary="The models on offer, with abilities, context and price.", answer=ModelList,
)  # fmt: skip
USAGE = Operation(
    name="usage", method="GET", path="/kn/v1/usage",
    summary="Requests, tokens and money, grouped.", query=UsageQuery, answer=UsageReport,
)  # fmt: skip
LIST_REQUESTS = Operation(
    name="list_requests", method="GET", path="/kn/v1/requests",
    summary="Settled requests, in the order in which they began.",
    query=RequestQuery, answer=RequestList,
)  # fmt: skip
VERIFY_LEDGER = Operation(
    name="verify_ledger", method="GET", path="/kn/v1/ledger/verify",
    summary="Check every invariant of the ledger.", answer=Verification,
)  # fmt: skip

OPERATIONS: tuple[Operation[Struct], ...] = (
    STATUS,
    CREATE_ORGANISATION,
    LIST_ORGANISATIONS,
    CREATE_PROJECT,
    LIST_PROJECTS,
    CREATE_KEY,
    LIST_KEYS,
    REVOKE_KEY,
    LIMITS,
    SET_LIMITS,
    LIST_MODELS,
    USAGE,
    LIST_REQUESTS,
    VERIFY_LEDGER,
)
