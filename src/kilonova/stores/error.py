"""The one error of a store that is not a caller's: it cannot be opened, or not closed whole."""

__all__ = ["StoreError"]


class StoreError(Exception):
    """A sentence for the operator, who must act before the server can run."""
