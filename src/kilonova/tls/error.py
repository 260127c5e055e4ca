"""What is wrong with a certificate, in a sentence for the operator."""

__all__ = ["TlsError"]


class TlsError(Exception):
    """The message names the file or the setting, and says what to do."""
