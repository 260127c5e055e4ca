"""Models as data: what each can do, where it runs and what it costs."""
