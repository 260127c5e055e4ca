"""Seeded synthetic tasks: every conversation carries its own reference answers."""
