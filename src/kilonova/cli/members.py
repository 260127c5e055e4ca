"""``kilonova members``: who belongs to an organisation, and as what."""

from typing import Annotated

import typer
from msgspec import Struct

from kilonova.admin.desk_schema import (
    InvitationView,
    MemberChange,
    MemberList,
    MemberQuery,
    MemberView,
    NewInvitation,
)
from kilonova.admin.plane import ControlPlane
from kilonova.admin.roster import RosterPlane
from kilonova.admin.schema import KeyQuery
from kilonova.cli.command import command, group
from kilonova.cli.limits import checked
from kilonova.cli.moments import when
from kilonova.cli.pages import every
from kilonova.cli.run import Run
from kilonova.core.errors import NotFound
from kilonova.core.members import Role

__all__ = ["app"]

app = group("List, invite, change and remove members.")

_OrganisationOption = Annotated[
    str | None, typer.Option(help="Id or name.", show_default="default, or the first")
]
_MemberArgument = Annotated[str, typer.Argument(metavar="MEMBER", help="The id or the e-mail.")]


class ListOptions(Struct, frozen=True, kw_only=True):
    organisation: _OrganisationOption = None


@command(app)
def list_(run: Run, options: ListOptions) -> None:
    """List members, and the invitations that can still be used."""
    query = MemberQuery(organisation=options.organisation)
    found = run.ask_roster(lambda roster: roster.list_members(query))
    if run.output.is_json:
        run.output.document(found)
        return
    heads = ("ID", "E-MAIL", "NAME", "ROLE", "SIGNS IN BY", "SINCE")
    rows = [*map(_member_row, found.data), *map(_invitation_row, found.invitations)]
    run.output.table(heads, rows)


def _member_row(member: MemberView) -> tuple[str, ...]:
    ways = [
        *(["issuer"] if member.is_vouched else []),
        *(["password"] if member.has_password else []),
    ]
    named = (member.id, member.email, member.name, member.role)
    return (*named, ", ".join(ways) or "-", when(member.created_at))


def _invitation_row(invitation: InvitationView) -> tuple[str, ...]:
    until = f"invited until {when(invitation.expires_at)}"
    return (invitation.id, invitation.email, "-", invitation.role, until, "-")


class InviteOptions(Struct, frozen=True, kw_only=True):
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Whom to invite.")]
    role: Annotated[Role, typer.Option(help="What the member may do.")] = "developer"
    organisation: _OrganisationOption = None


@command(app)
def invite(run: Run, options: InviteOptions) -> None:
    """Invite somebody; the link is shown once. For a member, it is the way to a new password."""
    body = checked(
        NewInvitation(email=options.email, role=options.role, organisation=options.organisation)
    )
    sent = run.ask_roster(lambda roster: roster.invite(body))
    if run.output.is_json:
        run.output.document(sent)
        return
    run.output.lines([f"{_console(run)}/join#{sent.token}"])
    invited = sent.invitation
    run.output.note(
        f"Send this link to {invited.email}: it makes a member ({invited.role}), works once, and "
        f"ends {when(invited.expires_at)}. It is not shown again."
    )


class RoleOptions(Struct, frozen=True, kw_only=True):
    member: _MemberArgument
    role: Annotated[Role, typer.Argument(metavar="ROLE", help="viewer, developer, admin, owner.")]
    organisation: _OrganisationOption = None


@command(app)
def role(run: Run, options: RoleOptions) -> None:
    """Change what a member may do, from the next request on."""

    async def change(roster: RosterPlane) -> MemberView:
        found = await _member_id(roster, options.member, options.organisation)
        return await roster.set_role(found, MemberChange(role=options.role))

    _tell(run, run.ask_roster(change), f"is now {options.role}")


class WhoOptions(Struct, frozen=True, kw_only=True):
    member: _MemberArgument
    organisation: _OrganisationOption = None


class RemoveOptions(WhoOptions, frozen=True, kw_only=True):
    revoke_keys: Annotated[
        bool, typer.Option("--revoke-keys", help="Also revoke the keys that the member made.")
    ] = False


@command(app)
def remove(run: Run, options: RemoveOptions) -> None:
    """Remove a member, with all sessions and conversations. What was used stays in the books, and
    keys that the member made for programs go on working unless they are revoked, too."""

    async def end(roster: RosterPlane) -> MemberView:
        return await roster.remove_member(
            await _member_id(roster, options.member, options.organisation)
        )

    removed = run.ask_roster(end)
    keys = run.ask(lambda plane: _end_keys(plane, removed, is_asked=options.revoke_keys))
    _tell(run, removed, "is removed")
    if keys and options.revoke_keys:
        run.output.note(f"Revoked: {', '.join(keys)}.")
    elif keys:
        run.output.note(
            f"Keys that {removed.name} made go on working: {', '.join(keys)}. "
            "End each with kilonova keys revoke KEY_ID, or all at once with --revoke-keys."
        )


async def _end_keys(plane: ControlPlane, maker: MemberView, *, is_asked: bool) -> list[str]:
    """The ids of the keys that the member made and that worked until now."""
    made = await every(plane.list_keys, KeyQuery(organisation=maker.organisation_id))
    working = [key.id for key in made if key.made_by == maker.id and key.revoked_at is None]
    for key_id in working if is_asked else ():
        await plane.revoke_key(key_id)
    return working


@command(app)
def sign_out(run: Run, options: WhoOptions) -> None:
    """End all sessions of a member, in every browser."""

    async def end(roster: RosterPlane) -> MemberView:
        return await roster.sign_member_out(
            await _member_id(roster, options.member, options.organisation)
        )

    _tell(run, run.ask_roster(end), "is signed out everywhere")


async def _member_id(roster: RosterPlane, named: str, organisation: str | None) -> str:
    """Raises NotFound for an e-mail that no member has."""
    if "@" not in named:
        return named
    found: MemberList = await roster.list_members(MemberQuery(organisation=organisation))
    for each in found.data:
        if each.email == named.strip().lower():
            return each.id
    raise NotFound(f"No member has the e-mail {named[:254]!r} here. See kilonova members list.")


def _tell(run: Run, member: MemberView, what: str) -> None:
    if run.output.is_json:
        run.output.document(member)
    else:
        run.output.lines([f"{member.email} ({member.id}) {what}"])


def _console(run: Run) -> str:
    """Where this server's console is, as this machine reaches it."""
    note = run.home.server_note()
    if note is not None:
        return f"{note.url}/console"
    settings = run.settings()
    scheme = "https" if settings.tls.enabled else "http"
    return f"{scheme}://{settings.server.host}:{settings.server.port}/console"
