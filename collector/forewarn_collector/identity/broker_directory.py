"""The tried configuration of a Mosquitto, laid out in a directory with the certificates of forewarn's own authority."""

import os
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from forewarn_collector.identity.authority import CRL_NAME, Authority

PACKAGED = files("forewarn_collector.identity") / "mosquitto"
CONFIGURATION = "forewarn.conf"
PASSWORDS = "passwd-collector"
# Where the packaged configuration expects what it names.
PLACE = "/etc/mosquitto/forewarn"
CERTIFICATES = ("ca.crt", "ca.crl", "server.crt", "server.key")


class Taken(Exception):
    """A file is there already; the text names it."""


class LaidOut(NamedTuple):
    """``missing``: files that the configuration names and that must still be put there."""

    directory: Path
    written: list[str]
    missing: list[str]


def lay_out(directory: Path, authority: Authority, now: float) -> LaidOut:
    """Write everything, or nothing where a file of it is there. Raise Taken, AuthorityError, OSError."""
    directory = directory.absolute()
    contents = {name: (PACKAGED / name).read_bytes() for name in (CONFIGURATION, "acl-devices", "acl-collector")}
    contents[CONFIGURATION] = contents[CONFIGURATION].replace(PLACE.encode(), os.fsencode(directory))
    if authority.exists:
        contents |= _certificates(authority, now)
    for name in contents:
        if os.path.lexists(directory / name):
            raise Taken(f"{directory / name}: is there already; name another directory, or remove it")
    directory.mkdir(parents=True, mode=0o750, exist_ok=True)
    for name, content in contents.items():
        # Its group is to read it: Mosquitto has a user of its own.
        with os.fdopen(os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb") as file:
            file.write(content)
    needed = (*CERTIFICATES, PASSWORDS)
    return LaidOut(directory, list(contents), [name for name in needed if not (directory / name).exists()])


def _certificates(authority: Authority, now: float) -> dict[str, bytes]:
    """What a running collector keeps up to date stays as it is; what nobody made yet is made."""
    server, key, revoked = (authority.directory / name for name in ("server.crt", "server.key", CRL_NAME))
    if not (server.is_file() and key.is_file()):
        authority.server_files(authority.issuers()[0].names, now)
    if not revoked.is_file():
        authority.write_crl({}, now)
    contents = (authority.bundle().encode(), revoked.read_bytes(), server.read_bytes(), key.read_bytes())
    return dict(zip(CERTIFICATES, contents, strict=True))
