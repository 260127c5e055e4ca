"""What can be wrong with the settings of others' services: looked at before anything is opened, by
a server that starts and by whoever asks whether one would."""

from kilonova.billing.alerts.webhook import open_webhook
from kilonova.settings import Settings

__all__ = ["check_settings"]


def check_settings(settings: Settings) -> None:
    """Raises SettingsError where the webhook or the issuer is not described as it must be."""
    open_webhook(settings.alerts)
    if settings.oidc.issuer:
        # Here, because few installations have one: its library costs every start of the others.
        from kilonova.accounts.oidc.sign_in import open_client

        open_client(settings.oidc)
