"""A connection to the server of this home: plain, or TLS that knows its certificate.

The note that the server left holds the certificate that it shows. No other is accepted, and so it
does not matter for which names it was issued: the command line speaks to this one machine.
"""

import http.client
import ssl
from urllib.parse import urlsplit

from kilonova.home import ServerNote

__all__ = ["open_link", "pinned"]


def open_link(note: ServerNote, *, timeout_s: float) -> http.client.HTTPConnection:
    """Connects with the first request."""
    address = urlsplit(note.url).netloc
    if not note.certificates:
        return http.client.HTTPConnection(address, timeout=timeout_s)
    return http.client.HTTPSConnection(address, timeout=timeout_s, context=pinned(note))


def pinned(note: ServerNote) -> ssl.SSLContext:
    """Trusts the certificate that the server shows, and none that its authority also signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata="".join(note.certificates))
    return context
