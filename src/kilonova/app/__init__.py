"""The one place where concrete classes meet: builds every part, and takes it down again.

Books        store ─► vault ─► accounts ─► recovery          what the command line needs
Application  books ─► engines ─► gateway ─► surfaces ─► edge  what the server needs
"""

from kilonova.app.application import Application
from kilonova.app.books import Books
from kilonova.app.control import open_control_plane
from kilonova.app.people import open_roster

__all__ = ["Application", "Books", "open_control_plane", "open_roster"]
