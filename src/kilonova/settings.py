"""Configuration: one TOML file, overridden by the environment, validated once into a frozen tree.

Order: command-line flag > ``KILONOVA_SERVER__PORT`` and its like > the file > defaults. The file is
``--config``, or ``kilonova.toml`` in the home. Defaults run on a laptop with no file at all.
"""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct, field

__all__ = [
    "AlertSettings",
    "ConsoleSettings",
    "InvoiceSettings",
    "LimitSettings",
    "OidcRule",
    "OidcSettings",
    "PartySettings",
    "PriceSettings",
    "S3Settings",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "StatementSettings",
    "StoreSettings",
    "TlsSettings",
    "load_settings",
]

_ENV_PREFIX = "KILONOVA_"
# A list comes from the environment as words between commas.
_LISTS = {("tls", "names"), ("invoice", "address"), ("oidc", "scopes")}


class SettingsError(ValueError):
    """The configuration is wrong; the message names the key and says what to do."""


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``tells_cost`` false: answers say their price, and not what they took."""

    host: str = "127.0.0.1"
    port: int = 8040
    drain_s: float = 60.0
    tells_cost: bool = True


class TlsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without files of its own, the installation signs a certificate itself. Paths are relative to
    the home; ``names`` are those by which callers reach the server, beside the obvious ones."""

    enabled: bool = False
    names: tuple[str, ...] = ()
    certificate_file: str = ""
    key_file: str = ""
    check_s: float = 60.0


class StoreSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``url`` is ``sqlite:///NAME``, relative to the home unless it starts with four slashes."""

    url: str = "sqlite:///kilonova.db"

    def sqlite_path(self, home: Path) -> Path:
        """Raises SettingsError for any other kind of store."""
        prefix = "sqlite:///"
        if not self.url.startswith(prefix):
            raise SettingsError(f"store.url: only {prefix}NAME is supported, not {self.url!r}")
        return home / self.url.removeprefix(prefix)


class S3Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``buckets`` maps names to folders, relative to the home: ``s3://NAME/…`` lies there."""

    buckets: dict[str, str] = field(default_factory=dict)


class PriceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``file`` and ``costs`` are relative to the home: what is charged, and what vendors charge.
    ``unpriced`` says what becomes of a model that nobody priced."""

    file: str = "prices.toml"
    costs: str = "costs.toml"
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")] = "USD"
    unpriced: Literal["refuse", "free"] = "refuse"
    check_s: float = 5.0


class AlertSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``webhook`` is an https address that is told when a budget reaches 50, 80 and 100 percent;
    ``secret`` refers to what it is signed with: ``env:NAME`` or ``file:/path``."""

    webhook: str = ""
    secret: str = ""


class StatementSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``idle`` says who pays for idle time where nothing else is asked; ``reserved`` is the share
    of every machine that an organisation (by its id) reserved, as ``"0.25"``."""

    idle: Literal["proportional", "reserved", "platform"] = "proportional"
    reserved: dict[str, str] = field(default_factory=dict)


class ConsoleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The console and its sign-in. ``is_behind_tls`` marks its cookie as secure where a proxy in
    front speaks HTTPS."""

    enabled: bool = True
    is_behind_tls: bool = False
    session_idle_s: float = 43_200.0
    session_s_max: float = 604_800.0
    sign_ins_per_minute: int = 10
    conversations_max: int = 500
    conversation_bytes_max: int = 8_388_608


class OidcRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who comes in without an invitation: whose verified e-mail is of ``domain``, and whose
    ``claim`` is or holds ``value``. ``organisation`` is an id or a name; empty, the first one."""

    domain: str = ""
    claim: str = ""
    value: str = ""
    organisation: str = ""
    role: Literal["viewer", "developer", "admin", "owner"] = "developer"


class OidcSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sign-in by an OpenID Connect issuer. ``client_secret`` is a reference, ``env:NAME`` or
    ``file:/path``. ``trusts_email`` takes e-mails that the issuer does not call verified; with
    ``roles_follow`` the role is that of the rule at every sign-in; ``passwords`` false refuses
    them to all but an organisation's last owner."""

    issuer: str = ""
    client_id: str = ""
    client_secret: str = ""
    label: str = ""
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    trusts_email: bool = False
    roles_follow: bool = False
    passwords: bool = True
    admit: tuple[OidcRule, ...] = ()


class LimitSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes, seconds and counts beyond which a request is refused."""

    request_bytes_max: int = 25_000_000
    body_s: float = 10.0
    body_bytes_per_s: int = 65_536
    body_bytes_total_max: int = 268_435_456
    inflight_max: int = 2_048
    stream_s_max: float = 600.0
    replay_s: float = 600.0
    replay_answers_max: int = 512
    replay_answer_bytes_max: int = 8_388_608
    replay_bytes_max: int = 33_554_432
    embedding_texts_max: int = 2_048
    embedding_chars_max: int = 2_000_000
    async_running_max: int = 2
    async_run_s_max: float = 600.0
    async_waiting_max: int = 256
    async_waiting_bytes_max: int = 67_108_864
    kept_items_max: int = 1_000_000
    kept_bytes_max: int = 10_000_000_000
    kept_sweep_s: float = 60.0
    response_kept_days: int = 30
    file_bytes_max: int = 25_000_000


class PartySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a customer is addressed; ``address`` has one entry a line."""

    name: str = ""
    address: tuple[str, ...] = ()
    vat_id: str = ""


class InvoiceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands on every invoice: who writes it, and ``customers`` by the name of their
    organisation. ``tax_percent`` is a decimal such as ``"5.5"`` or a whole number;
    empty, there is no tax. Without a ``tax_name`` it is called VAT, and TVA in French."""

    name: str = ""
    address: tuple[str, ...] = ()
    vat_id: str = ""
    number_prefix: str = "KN-"
    payment_days: Annotated[int, Meta(ge=0, le=365)] = 30
    note: str = ""
    tax_name: str = ""
    tax_percent: str | int = ""
    customers: dict[str, PartySettings] = field(default_factory=dict)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``engines`` and ``models`` stay as they were written: each engine kind has its own options,
    and a model entry is read by the catalogue, ``guardrails`` and ``resources`` by their packages.
    ``aliases`` are further names of models."""

    server: ServerSettings = ServerSettings()
    tls: TlsSettings = TlsSettings()
    store: StoreSettings = StoreSettings()
    limits: LimitSettings = LimitSettings()
    alerts: AlertSettings = AlertSettings()
    s3: S3Settings = field(default_factory=S3Settings)
    prices: PriceSettings = PriceSettings()
    console: ConsoleSettings = ConsoleSettings()
    oidc: OidcSettings = OidcSettings()
    invoice: InvoiceSettings = field(default_factory=InvoiceSettings)
    statements: StatementSettings = field(default_factory=StatementSettings)
    engines: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    guardrails: dict[str, dict[str, Any]] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach this server over HTTPS."""
        return self.tls.enabled or self.console.is_behind_tls


_SECTIONS: dict[str, type[Struct]] = {
    "server": ServerSettings,
    "tls": TlsSettings,
    "store": StoreSettings,
    "limits": LimitSettings,
    "alerts": AlertSettings,
    "s3": S3Settings,
    "prices": PriceSettings,
    "console": ConsoleSettings,
    "oidc": OidcSettings,
    "invoice": InvoiceSettings,
    "statements": StatementSettings,
}


def load_settings(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises SettingsError when the file cannot be read or a key is unknown or of a wrong type."""
    tree = {} if path is None else _read(path)
    _check_names(tree)
    for name, value in environment.items():
        section, _, key = name.removeprefix(_ENV_PREFIX).lower().partition("__")
        if name.startswith(_ENV_PREFIX) and section in _SECTIONS and key:
            is_list = (section, key) in _LISTS
            tree.setdefault(section, {})[key] = _words(value) if is_list else value
    _check_names(tree)
    try:
        return msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(_readable(str(error))) from None


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        tree: dict[str, Any] = msgspec.toml.decode(text)
    except msgspec.DecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
    return tree


def _check_names(tree: Mapping[str, Any]) -> None:
    """Unknown keys, with the nearest known one: msgspec names the key but not its neighbours."""
    _check_section("", tree, Settings)
    for section, kind in _SECTIONS.items():
        part = tree.get(section)
        if isinstance(part, Mapping):
            _check_section(f"{section}.", part, kind)


def _check_section(prefix: str, part: Mapping[str, Any], kind: type[Struct]) -> None:
    known = kind.__struct_fields__
    for key in part:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"known: {', '.join(known)}"
            raise SettingsError(f"{prefix}{key}: unknown setting; {hint}")


def _readable(message: str) -> str:
    """``Expected `int` … - at `$.server.port` `` → ``server.port: expected …``."""
    found = re.search(r" - at `\$\.?(.*)`$", message)
    if found is None:
        return message
    text = message[: found.start()]
    if re.fullmatch(r"oidc\.admit\[\d+\]\.role", found[1]):
        text = f"{text}; known: {', '.join(get_args(OidcRule.__annotations__['role']))}"
    return f"{found[1]}: {text[0].lower()}{text[1:]}"
