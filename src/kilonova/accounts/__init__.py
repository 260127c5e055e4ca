"""Customers: organisations, their projects, and the keys that programs sign with."""
