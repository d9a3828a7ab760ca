"""Whether a new version is the one that its maker released: a SHA-256 sum, given or in a list that may be signed."""

import re
from pathlib import Path

from forewarn_agent.service.program import digest
from forewarn_agent.service.systemd import ServiceError, call

SUMS = "SHA256SUMS"
# What a signature is for, and who signs: ssh-keygen -Y sign -n forewarn-agent -f KEY SHA256SUMS
NAMESPACE = "forewarn-agent"


def check_program(file: Path, source: Path, sha256: str | None, signers: Path) -> str:
    """Compare ``file``, a copy of ``source``, with the sum given, or with SHA256SUMS beside the source. Where
    ``signers`` exists, that list must be signed by one of them. Return what was found good. Raise ServiceError."""
    found = digest(file)
    if sha256 is not None:
        if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
            raise ServiceError("--sha256 is not a SHA-256 sum: 64 hexadecimal digits")
        expected, good = sha256.lower(), "the sum given"
    else:
        sums = source.parent / SUMS
        good = _check_signature(sums, signers)
        expected = read_sum(sums.read_text(encoding="utf-8", errors="replace"), source.name)
    if found != expected:
        raise ServiceError(f"{source}: its SHA-256 is {found}, expected is {expected}: get it again")
    return f"{found[:16]}... is {good}"


def read_sum(text: str, name: str) -> str:
    """The sum of ``name`` in a list as sha256sum(1) writes it. Raise ServiceError."""
    for line in text.splitlines():
        row = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](?:\./)?(.+)", line.strip())
        if row and row[2] == name:
            return row[1].lower()
    raise ServiceError(f"{SUMS} has no line for {name}: give its sum with --sha256")


def _check_signature(sums: Path, signers: Path) -> str:
    if not sums.is_file():
        raise ServiceError(f"nothing says what the program must be: give --sha256, or put {SUMS} beside it")
    if not signers.is_file():
        return f"that of {SUMS}"
    signature = sums.with_name(f"{SUMS}.sig")
    if not signature.is_file():
        raise ServiceError(f"{signature} is not there: {signers} asks for a signature")
    verify = ("ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", NAMESPACE, "-n", NAMESPACE, "-s", str(signature))
    done = call(*verify, given=sums.read_bytes())
    if done.status:
        raise ServiceError(f"{signature}: {done.text.splitlines()[-1] if done.text else 'is not good'}")
    return f"that of {SUMS}, signed"
