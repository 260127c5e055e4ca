"""The names in certificates, and for which of them an authority of ours may vouch.

Whoever trusts the authority trusts whoever holds its key. So it is made for private networks and
for the names known on that day, and no verifier accepts it for anything else: a stolen key is no
way into a vendor's cloud.
"""

import ipaddress
import re
from collections.abc import Iterable

from cryptography import x509

from kilonova.tls.error import TlsError

__all__ = ["Name", "is_within", "parse_name", "permitted", "text_of"]

Name = x509.DNSName | x509.IPAddress

_DOMAINS = ("localhost", "local", "internal", "lan", "home.arpa", "test")
_NETWORKS = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
    "100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DNS = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_DNS_CHARS_MAX = 253


def parse_name(text: str) -> Name:
    """A host name or an address, without scheme and port. Raises TlsError."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        ascii_text = text.encode("idna").decode().lower()
    except UnicodeError:
        ascii_text = ""
    if len(ascii_text) > _DNS_CHARS_MAX or not _DNS.fullmatch(ascii_text):
        raise TlsError(
            f"{text!r} is no name for a certificate: write a host name or an address, "
            "without https:// and port."
        )
    return x509.DNSName(ascii_text)


def text_of(name: Name) -> str:
    """As it is written in a URL, but for the brackets of IPv6."""
    return str(name.value)


def permitted(names: Iterable[Name]) -> tuple[Name, ...]:
    """What a new authority is made for: private networks, and these names."""
    domains = [x509.DNSName(domain) for domain in _DOMAINS]
    networks = [x509.IPAddress(ipaddress.ip_network(network)) for network in _NETWORKS]
    private: tuple[Name, ...] = (*domains, *networks)
    return (*private, *(_subtree(name) for name in names if not is_within(name, private)))


def is_within(name: Name, subtrees: Iterable[Name]) -> bool:
    """Whether an authority that is made for these may vouch for the name."""
    return any(_covers(subtree, name) for subtree in subtrees)


def _subtree(name: Name) -> Name:
    if isinstance(name, x509.DNSName):
        return x509.DNSName(name.value.removeprefix("*."))
    return x509.IPAddress(ipaddress.ip_network(name.value))


def _covers(subtree: Name, name: Name) -> bool:
    match subtree, name:
        case x509.DNSName(), x509.DNSName():
            domain = name.value.removeprefix("*.")
            return domain == subtree.value or domain.endswith(f".{subtree.value}")
        case x509.IPAddress(), x509.IPAddress():
            return name.value in subtree.value  # type: ignore[operator]  # a network
    return False
