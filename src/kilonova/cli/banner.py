"""What ``serve`` says to a person once it is up. Pure; secrets appear on the first start only.

The names of the variables are those that each SDK itself reads.
"""

from pathlib import Path

from kilonova.accounts.service import NewKey
from kilonova.core.model import Model
from kilonova.server import Announcement

__all__ = ["banner"]


def banner(announcement: Announcement) -> str:
    """Several lines for standard error."""
    lines = ["", f"Kilonova is up: {announcement.url}", f"  home    {announcement.home}"]
    lines += [f"  model   {model.id}{_warning(model)}" for model in announcement.models]
    certificate = announcement.certificate
    if certificate is not None:
        lines.append(f"  tls     {_names(certificate.names)}")
        if certificate.authority_file is not None and certificate.bundle_file is not None:
            lines += _trust(certificate.authority_file, certificate.bundle_file)
    lines += _console(announcement)
    if announcement.first is None:
        lines += _addresses(announcement.url)
    else:
        lines += _first_key(announcement.url, announcement.first.new_key)
    return "\n".join([*lines, ""])


def _console(announcement: Announcement) -> list[str]:
    """Until somebody owns the installation, every start makes a new link and ends the last one.
    What stands behind ``#`` stays in the browser: no log of a proxy sees the token."""
    if not announcement.has_console:
        return []
    page = f"{announcement.url}/console"
    if announcement.setup_token is None:
        return [f"  console {page}"]
    return [
        f"  console {page}",
        "",
        "Nobody owns this installation yet. Make yourself its owner, once, in a browser:",
        "",
        f"  {page}/set-up#{announcement.setup_token}",
    ]


def _names(names: tuple[str, ...]) -> str:
    return f"for {', '.join(names)}"


def _trust(authority: Path, bundle: Path) -> list[str]:
    """Variables that replace the system's authorities get the bundle, those that add get ours."""
    return [
        "",
        "This installation signed its certificate itself. The SDKs trust it with:",
        "",
        f"  export AWS_CA_BUNDLE={bundle}",
        f"  export SSL_CERT_FILE={bundle}",
        f"  export REQUESTS_CA_BUNDLE={bundle}",
        f"  export NODE_EXTRA_CA_CERTS={authority}",
    ]


def _warning(model: Model) -> str:
    """A free model costs its callers nothing, and no budget binds on it."""
    if model.price is None:
        return "   (not on sale: nothing prices it now, see kilonova prices show)"
    return "   (free)" if not any(model.price.rates) else ""


def _addresses(url: str) -> list[str]:
    return [
        "",
        "Point the SDK that you already use here, with a key of yours:",
        "",
        f"  export OPENAI_BASE_URL={url}/v1",
        *_aws(url),
        f"  export ANTHROPIC_BASE_URL={url}",
        f"  export GOOGLE_GEMINI_BASE_URL={url}",
        "",
        "New key: kilonova keys create        Talk to it: kilonova chat",
    ]


def _aws(url: str) -> list[str]:
    return [
        f"  export AWS_ENDPOINT_URL_BEDROCK_RUNTIME={url}",
        f"  export AWS_ENDPOINT_URL_BEDROCK={url}",
    ]


def _first_key(url: str, key: NewKey) -> list[str]:
    return [
        "",
        "Your first key, shown once. Point the SDK that you already use here:",
        "",
        f"  export OPENAI_BASE_URL={url}/v1",
        f"  export OPENAI_API_KEY={key.bearer}",
        "",
        *_aws(url),
        "  export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1",
        f"  export AWS_ACCESS_KEY_ID={key.access_key_id}",
        f"  export AWS_SECRET_ACCESS_KEY={key.secret}",
        *_bearer(url, key),
        "",
        f"  export ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=$OPENAI_API_KEY",
        f"  export GOOGLE_GEMINI_BASE_URL={url} GOOGLE_API_KEY=$OPENAI_API_KEY",
        "",
        "More keys: kilonova keys create        Talk to it: kilonova chat",
    ]


def _bearer(url: str, key: NewKey) -> list[str]:
    """boto3 sends a bearer key over HTTPS only."""
    if not url.startswith("https:"):
        return []
    return [
        "",
        "or, instead of the last two lines, the same key as for the other SDKs:",
        "",
        f"  export AWS_BEARER_TOKEN_BEDROCK={key.bearer}",
    ]
