"""Formats that dialects share: server-sent events, AWS event streams, signatures, models."""
