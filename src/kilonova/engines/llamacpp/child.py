"""What runs in the child: llama.cpp's own server on a Unix socket, and nothing else.

The settings in ``_params`` are not options: without them callers can receive each other's cached
text (engines.md 2.4). The child dies with its parent, leaves no core dump (it would hold prompts)
and removes its private folder. Nothing here talks to the network.
"""

import ctypes
import os
import resource
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from kilonova.engines.llamacpp.spec import ChildSpec

__all__ = ["run"]

_PR_SET_PDEATHSIG = 1
_PARENT_POLL_S = 0.5
_OPEN_FILES_MAX = 1024

# Errors and warnings only: above that llama.cpp writes prompts into its log.
_VERBOSITY = 1


def run(spec_path: Path) -> None:
    """Serve until the parent says stop or is gone."""
    spec = msgspec.json.decode(spec_path.read_bytes(), type=ChildSpec)
    spec_path.unlink()
    signal.signal(signal.SIGTERM, lambda *_: _leave(spec))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _die_with_parent(spec)
    _limit(spec)
    server = _serve(spec)
    while os.getppid() == spec.parent_id:
        time.sleep(_PARENT_POLL_S)
    assert server, "the server lives as long as this name"
    _leave(spec)


def _leave(spec: ChildSpec) -> NoReturn:
    """End at once: llama.cpp's destructors would wait for requests whose answers nobody reads."""
    shutil.rmtree(spec.folder, ignore_errors=True)
    os._exit(0)


def _die_with_parent(spec: ChildSpec) -> None:
    """Ask Linux for a signal when the parent dies; elsewhere polling the parent must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != spec.parent_id:
        _leave(spec)


def _limit(spec: ChildSpec) -> None:
    os.umask(0o077)  # the socket is made by llama.cpp, with the rights that are left
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _OPEN_FILES_MAX if hard == resource.RLIM_INFINITY else min(_OPEN_FILES_MAX, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if spec.niceness:
        os.nice(spec.niceness)


def _serve(spec: ChildSpec) -> object:
    """Load the model and listen. llama.cpp gives no reason when it fails: its log has it."""
    try:
        import xllamacpp
    except ImportError as error:
        raise SystemExit(
            "the engine 'llamacpp' needs xllamacpp: pip install 'kilonova[llamacpp]'"
        ) from error
    return xllamacpp.Server(_params(xllamacpp, spec))


def _params(xllamacpp: Any, spec: ChildSpec) -> Any:
    params = xllamacpp.CommonParams()
    _isolate(params, spec)
    params.model.path = spec.model_path
    if spec.projector_path:
        params.mmproj.path = spec.projector_path
    params.n_parallel = spec.parallel
    params.n_ctx = spec.context_tokens * spec.parallel
    params.fit_params = False  # it loads the model twice, and makes the context smaller in silence
    params.cpuparams.n_threads = spec.threads
    params.cpuparams_batch.n_threads = spec.prompt_threads
    params.n_threads_http = spec.http_threads
    params.use_jinja = True
    params.prefill_assistant = False  # a last message of the assistant is a turn, unless we say so
    params.endpoint_metrics = True
    params.endpoint_slots = True
    if spec.makes_embeddings:
        params.embedding = True
        # A text is read in one piece here, so a batch must hold the longest one.
        params.n_batch = params.n_ubatch = spec.context_tokens
        if not spec.has_pooling:
            params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.verbosity = _VERBOSITY
    if spec.cache_type == "q8_0":
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
    return params


def _isolate(params: Any, spec: ChildSpec) -> None:
    """The mandatory settings. Each closes a way in which one caller could meet another."""
    params.cache_ram_mib = 0  # a shared cache keyed by tokens alone (llama.cpp #26207, #27148)
    params.cache_idle_slots = False  # the same cache, filled behind our back
    params.slot_prompt_similarity = 0.0  # llama.cpp must not choose a slot by its content
    params.kv_unified = False  # a slot's context is its own, not what the others leave
    params.ctx_shift = False  # a prompt that is too long is an error, not a cut
    params.ui = False
    params.hostnames = [spec.socket_path]
    params.api_keys = [spec.api_key]
    params.slot_save_path = f"{spec.folder}/slots/"
    Path(params.slot_save_path).mkdir(mode=0o700, exist_ok=True)
