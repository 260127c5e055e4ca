"""The price book: what is charged to customers, and what vendors charge for what we buy."""
