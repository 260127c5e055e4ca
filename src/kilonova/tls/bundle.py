"""Everybody whom the machine trusts, and our authority beside them.

Most variables that name a file of authorities replace the system's: a program that reaches us and
another service needs both in one file.
"""

import ssl
from pathlib import Path

__all__ = ["system_authorities"]

# Where systems keep them, for an interpreter that was built elsewhere.
_PLACES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def system_authorities() -> bytes:
    """As one PEM text; empty on a machine that has none."""
    known = ssl.get_default_verify_paths().cafile
    for place in (known, *_PLACES):
        try:
            if place and (text := Path(place).read_bytes()):
                return text if text.endswith(b"\n") else text + b"\n"
        except OSError:
            continue
    return b""
