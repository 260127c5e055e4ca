"""Charges in the form of FOCUS, the FinOps foundation's specification of cost and usage data."""
