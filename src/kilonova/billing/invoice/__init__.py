"""Invoices: one document an organisation and month, drawn from the ledger, and how it is shown."""
