"""The durable store: one SQLite file, one writer, commits that carry many requests.

``tables`` describes it with SQLAlchemy, ``statements`` compiles that to the text in ``compiled``,
and apsw executes the text; SQLAlchemy itself is not loaded in a running server.
"""
