"""Addresses as people write them into a configuration."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def address_parts(url: str) -> tuple[str, str]:
    """Scheme and host; both are empty when it is no address."""
    try:
        parts = urlsplit(url)
        return (parts.scheme, parts.hostname or "") if parts.port != 0 else ("", "")
    except ValueError:
        return "", ""
