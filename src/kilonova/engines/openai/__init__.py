"""The client's side of the chat-completions protocol, which nearly every engine speaks.

``body`` writes requests, ``stream`` reads answers, ``client`` carries both over HTTP. The engines
``llamacpp`` and ``upstream`` are thin on top of it.
"""
