"""Files that callers keep here, and ``read_file`` for whoever is given the id of one."""

from kilonova.dialects.openai.files.endpoints import FileEndpoints
from kilonova.dialects.openai.files.stored import StoredFile, keep_file, read_file

__all__ = ["FileEndpoints", "StoredFile", "keep_file", "read_file"]
