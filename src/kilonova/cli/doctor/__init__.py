"""``kilonova doctor``: is the machine fit, the installation whole, and does a request work."""
