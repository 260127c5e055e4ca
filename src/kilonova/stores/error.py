"""The one error of a store that is not a caller's: it cannot be opened, or not closed whole."""

__all__ = ["StoreError"]


class StoreError(Exception):
    """A sentence for the operator, who must act before the server can run. ``is_broken``: the file
    is no database, or not whole; a backup has to take its place."""

    def __init__(self, message: str, *, is_broken: bool = False) -> None:
        super().__init__(message)
        self.is_broken = is_broken
