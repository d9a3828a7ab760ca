"""What a Mosquitto must know of identities, as files in a directory that it reads, and the signal to read them again.

The files are those that the packaged configuration (mosquitto/) names: ``ca.crt``, ``ca.crl``, ``acl-devices``,
``server.crt`` and ``server.key``. Mosquitto judges certificates only at new connections; the access list, which it
reads at the signal too, ends what a revoked device can do on the connection that it has.
"""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from forewarn_collector.identity.broker_directory import PACKAGED

RELOAD_BY_HAND = "systemctl reload mosquitto"
_DENIED = "# Revoked: forewarn writes this file anew at every revocation.\n"


def access_list(revoked: Sequence[str]) -> str:
    """``revoked``: device names."""
    denied = "".join(f"user {name}\ntopic deny #\n" for name in sorted(revoked))
    return (PACKAGED / "acl-devices").read_text(encoding="utf-8") + (_DENIED + denied if denied else "")


class BrokerFiles:
    def __init__(self, directory: Path, pid_file: Path | None) -> None:
        self.trouble: str | None = None
        self._directory = directory
        self._pid_file = pid_file

    def write(
        self, authorities: str, revocations: bytes, revoked: Sequence[str], server: tuple[Path, Path] | None
    ) -> None:
        """Write what has changed and tell the broker; what keeps it from knowing is then the ``trouble``.

        ``server``: chain and key of the certificate that the broker shows; None leaves its own in place.
        """
        contents = {
            "ca.crt": authorities.encode(), "ca.crl": revocations, "acl-devices": access_list(revoked).encode(),
        }  # fmt: skip
        try:
            if server is not None:
                contents |= {"server.crt": server[0].read_bytes(), "server.key": server[1].read_bytes()}
            changed = [_replace(self._directory / name, content) for name, content in contents.items()]
        except OSError as error:
            self.trouble = f"{error.filename}: {error.strerror}: the broker does not know of revocations"
            return
        self.trouble = self._reload() if any(changed) or self.trouble else None

    def _reload(self) -> str | None:
        if self._pid_file is None:
            return None
        try:
            os.kill(int(self._pid_file.read_text()), signal.SIGHUP)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it holds no process number"
            return f"{self._pid_file}: {reason}: the broker was not told of a revocation; run: {RELOAD_BY_HAND}"
        return None


def _replace(path: Path, content: bytes) -> bool:
    """Whole or not at all, readable by the directory's group; False where it says so already."""
    if path.is_file() and path.read_bytes() == content:
        return False
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(content)
    fresh.chmod(0o640)
    os.chown(fresh, -1, path.parent.stat().st_gid)
    fresh.replace(path)
    return True
