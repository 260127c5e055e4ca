"""What ``serve`` says to a person once it is up. Pure; secrets appear on the first start only.

The names of the variables are those that each SDK itself reads.
"""

from kilonova.accounts.service import NewKey
from kilonova.core.model import Model
from kilonova.server import Announcement

__all__ = ["banner"]


def banner(announcement: Announcement) -> str:
    """Several lines for standard error."""
    lines = ["", f"Kilonova is up: {announcement.url}", f"  home    {announcement.home}"]
    lines += [f"  model   {model.id}{_warning(model)}" for model in announcement.models]
    if announcement.first is None:
        lines += ["", "New key: kilonova keys create        Talk to it: kilonova chat"]
    else:
        lines += _first_key(announcement.url, announcement.first.new_key)
    return "\n".join([*lines, ""])


def _warning(model: Model) -> str:
    """A model without a price costs its callers nothing, and no budget binds on it."""
    is_free = model.price.input == model.price.output == 0
    return f'   (free: no [models."{model.id}".price] is set)' if is_free else ""


def _first_key(url: str, key: NewKey) -> list[str]:
    return [
        "",
        "Your first key, shown once. Point the SDK that you already use here:",
        "",
        f"  export OPENAI_BASE_URL={url}/v1",
        f"  export OPENAI_API_KEY={key.bearer}",
        "",
        f"  export AWS_ENDPOINT_URL_BEDROCK_RUNTIME={url}",
        f"  export AWS_ENDPOINT_URL_BEDROCK={url}",
        "  export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1",
        f"  export AWS_ACCESS_KEY_ID={key.access_key_id}",
        f"  export AWS_SECRET_ACCESS_KEY={key.secret}",
        "",
        "More keys: kilonova keys create        Talk to it: kilonova chat",
    ]
