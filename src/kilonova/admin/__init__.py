"""The operator's API under ``/kn/v1``: one table of operations, served, documented and called."""
