"""What a text is, in under a millisecond: language, intent, personal data, injection, complexity.

``sentry.Sentry`` is the whole of it, ``scan.Scan`` what it says; only the former loads NumPy.
"""
