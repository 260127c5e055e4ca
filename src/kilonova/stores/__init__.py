"""Where state is kept: one module or folder per kind of store, all behind the same faces."""
