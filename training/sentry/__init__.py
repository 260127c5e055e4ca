"""The recipe of Kilonova Sentry: from shared text and own sentences to measured weights."""
