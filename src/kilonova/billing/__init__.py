"""Money: how a record is posted, how a crash is repaired, and how the books are audited."""
