"""Runs GGUF models with llama.cpp, each in a supervised child process behind a Unix socket.

``engine`` is the face; ``supervisor`` keeps the child alive, ``child`` is what runs in it (started
as ``python -m kilonova.engines.llamacpp``), ``selftest`` proves that it keeps callers apart,
``slots`` says who may use which part of its memory, ``header`` distrusts the model file.
"""
