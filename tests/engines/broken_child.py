"""A child that lost one mandatory setting, so that tests can see the self-test refuse it.

Started as ``broken_child.py SETTING --spec spec.json``.
"""

import sys
from pathlib import Path
from typing import Any

from kilonova.engines.llamacpp import child
from kilonova.engines.llamacpp.spec import ChildSpec

_isolate = child._isolate


def _isolate_badly(params: Any, spec: ChildSpec) -> None:
    _isolate(params, spec)
    match sys.argv[1]:
        case "no_key":
            params.api_keys = []
        case "shared_cache":
            params.cache_ram_mib = 256
            params.cache_idle_slots = True
        case "similar_slots":
            params.slot_prompt_similarity = 0.5
        case "unified":
            params.kv_unified = True
        case setting:
            raise SystemExit(f"no such setting: {setting}")


child._isolate = _isolate_badly
child.run(Path(sys.argv[3]))
