"""The edge: raw requests in, bytes out, and a guard in between. Knows no vendor and no model."""
