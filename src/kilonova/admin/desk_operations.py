"""The front desk as one table, beside that of the control plane: who comes in, and as what.

These operations set cookies or ask who is asking, so they are no part of the control plane.
"""

from msgspec import Struct

from kilonova.admin.conversation_schema import (
    ConversationChange,
    ConversationExport,
    ConversationHead,
    ConversationList,
    ConversationQuery,
    ConversationView,
    ExportQuery,
    NewConversation,
    SearchQuery,
)
from kilonova.admin.desk_schema import (
    ChatKey,
    ChatKeyOrder,
    InvitationView,
    InvitedView,
    Join,
    MemberChange,
    MemberList,
    MemberQuery,
    MemberView,
    NewInvitation,
    OidcReturn,
    OidcStart,
    OidcWay,
    PasswordChange,
    SentInvitation,
    SessionView,
    SetUp,
    SignIn,
    Token,
)
from kilonova.admin.operations import Operation

__all__ = [
    "DESK_OPERATIONS",
    "INVITE",
    "LIST_MEMBERS",
    "REMOVE_MEMBER",
    "SET_ROLE",
    "SIGN_MEMBER_OUT",
    "WITHDRAW",
]

# What one save may bring: a long answer, or pictures beside a question.
_TURNS_BYTES_MAX = 8_388_608

LIST_MEMBERS = Operation(
    name="list_members", method="GET", path="/kn/v1/members",
    summary="Members and open invitations of an organisation.",
    query=MemberQuery, answer=MemberList, role="viewer",
)  # fmt: skip
INVITE = Operation(
    name="invite", method="POST", path="/kn/v1/invitations", status=201,
    summary="Invite somebody; for a member, the way to a new password.",
    body=NewInvitation, answer=SentInvitation, role="admin",
)  # fmt: skip
WITHDRAW = Operation(
    name="withdraw", method="DELETE", path="/kn/v1/invitations/{id}",
    summary="Take an invitation back.", query=MemberQuery, answer=InvitationView, role="admin",
    kinds=("inv",),
)  # fmt: skip
SET_ROLE = Operation(
    name="set_role", method="PATCH", path="/kn/v1/members/{id}",
    summary="Change a member's role, at once.", body=MemberChange, answer=MemberView,
    role="admin", kinds=("mem",),
)  # fmt: skip
REMOVE_MEMBER = Operation(
    name="remove_member", method="DELETE", path="/kn/v1/members/{id}",
    summary="Remove a member, with all sessions.", answer=MemberView,
    role="admin", kinds=("mem",),
)  # fmt: skip
SIGN_MEMBER_OUT = Operation(
    name="sign_member_out", method="DELETE", path="/kn/v1/members/{id}/sessions",
    summary="End all sessions of a member; who still has the password can sign in again.",
    answer=MemberView, role="admin", kinds=("mem",),
)  # fmt: skip

DESK_OPERATIONS: tuple[Operation[Struct], ...] = (
    Operation(
        name="session", method="GET", path="/kn/v1/session",
        summary="Who is signed in, if anybody is.", answer=SessionView,
    ),
    Operation(
        name="sign_in", method="POST", path="/kn/v1/session",
        summary="Sign in: sets the session's cookie.", body=SignIn, answer=SessionView,
    ),
    Operation(
        name="sign_out", method="DELETE", path="/kn/v1/session",
        summary="Sign out here.", answer=SessionView,
    ),
    Operation(
        name="sign_out_everywhere", method="DELETE", path="/kn/v1/sessions",
        summary="Sign out in every browser.", answer=SessionView,
    ),
    Operation(
        name="set_up", method="POST", path="/kn/v1/setup",
        summary="Make the first owner, with the one-time token, and sign in.",
        body=SetUp, answer=SessionView,
    ),
    Operation(
        name="invited", method="POST", path="/kn/v1/invitations/look",
        summary="Whom an invitation is for.", body=Token, answer=InvitedView,
    ),
    Operation(
        name="join", method="POST", path="/kn/v1/invitations/join",
        summary="Use an invitation: become a member, or set a new password, and sign in.",
        body=Join, answer=SessionView,
    ),
    Operation(
        name="start_oidc", method="POST", path="/kn/v1/oidc/start",
        summary="Begin to sign in by the OpenID Connect issuer: sets a cookie until it is done.",
        body=OidcStart, answer=OidcWay,
    ),
    Operation(
        name="finish_oidc", method="POST", path="/kn/v1/oidc/finish",
        summary="Sign in with what the issuer sent the browser back with.",
        body=OidcReturn, answer=SessionView,
    ),
    Operation(
        name="change_password", method="POST", path="/kn/v1/password",
        summary="Change one's password; signs out everywhere else.",
        body=PasswordChange, answer=SessionView,
    ),
    Operation(
        name="open_chat_key", method="POST", path="/kn/v1/chat-key",
        summary="The key on which a member's own requests in a project are counted.",
        body=ChatKeyOrder, answer=ChatKey, role="developer",
    ),
    LIST_MEMBERS,
    INVITE,
    WITHDRAW,
    SET_ROLE,
    REMOVE_MEMBER,
    SIGN_MEMBER_OUT,
    Operation(
        name="list_conversations", method="GET", path="/kn/v1/conversations",
        summary="The member's own conversations in a project, the latest change first.",
        query=SearchQuery, answer=ConversationList,
    ),
    Operation(
        name="create_conversation", method="POST", path="/kn/v1/conversations",
        summary="Keep a new conversation.",
        body=NewConversation, answer=ConversationView, body_bytes_max=_TURNS_BYTES_MAX,
    ),
    Operation(
        name="conversation", method="GET", path="/kn/v1/conversations/{id}",
        summary="One of them, with every branch.",
        query=ConversationQuery, answer=ConversationView,
    ),
    Operation(
        name="save_conversation", method="PATCH", path="/kn/v1/conversations/{id}",
        summary="Rename it, add turns, or replace those of the same id.",
        body=ConversationChange, answer=ConversationHead, body_bytes_max=_TURNS_BYTES_MAX,
    ),
    Operation(
        name="delete_conversation", method="DELETE", path="/kn/v1/conversations/{id}",
        summary="Delete it for good.", query=ConversationQuery, answer=ConversationHead,
    ),
    Operation(
        name="export_conversation", method="GET", path="/kn/v1/conversations/{id}/export",
        summary="As a file: Markdown of the branch that is shown, or JSON of all of it.",
        query=ExportQuery, answer=ConversationExport,
    ),
)  # fmt: skip
