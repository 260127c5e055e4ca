"""``POST /completions``: text that a model goes on with, without a conversation around it."""
