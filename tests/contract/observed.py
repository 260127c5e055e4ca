"""What a server did, seen from outside: its metrics, its usage and its books."""

import json
import re
import time
import urllib.request
from pathlib import Path

from servers import Server, cli


def with_key(server: Server) -> Server:
    """The same server with a fresh key, so that usage can be counted."""
    key = server.new_key()
    server.bearer_key = key["bearer_key"]
    server.key_id = key["id"]
    return server


def verify(server: Server) -> dict[str, object]:
    """The audit of its ledger, which is sound."""
    done = cli("ledger", "verify", "--json", home=server.home, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def usage(server: Server) -> dict[str, int]:
    """Requests and output tokens of everything settled so far."""
    report = json.loads(cli("usage", "--json", "--by", "key", home=server.home).stdout)
    rows = [row for row in report["data"] if row["group"] == server.key_id]
    return {
        "requests": sum(row["requests"] for row in rows),
        "output": sum(row["output_tokens"] for row in rows),
    }


def wait_for_settled(server: Server, requests: int) -> dict[str, int]:
    """The usage, once so many requests of the key were settled."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = usage(server)
        if found["requests"] >= requests:
            return found
        time.sleep(0.1)
    raise AssertionError(f"only {usage(server)} of {requests} requests were settled")


def gauge(server: Server, name: str) -> float:
    """One number of the metrics."""
    text = urllib.request.urlopen(f"{server.url}/metrics", timeout=10).read().decode()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def children_of(process_id: int) -> list[int]:
    """The processes that this one started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[1]) == process_id:
            found.append(int(stat.parent.name))
    return found
