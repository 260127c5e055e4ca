"""Alerts: a budget that has reached half, four fifths or all of itself is told, once a window."""
