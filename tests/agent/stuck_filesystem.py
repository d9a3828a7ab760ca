"""A filesystem whose driver never answers. Who looks into it waits inside the kernel, and once killed is in state D: it
can be ended no more than a process that waits for a dead disk."""

import contextlib
import ctypes
import os
import struct
import threading
from pathlib import Path

_INIT = 26
_FORCE_AND_DETACH = 1 | 2


class StuckFilesystem:
    """FUSE (Linux, include/uapi/linux/fuse.h) by hand: a library would answer. Raise OSError where that
    is not allowed."""

    def __init__(self, mount: Path) -> None:
        self.mount = mount
        mount.mkdir()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self._device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
        if self._libc.mount(b"stuck", os.fsencode(mount), b"fuse", 0, options.encode()):
            os.close(self._device)
            raise OSError(ctypes.get_errno(), "mount")
        self._thread = threading.Thread(target=self._take_requests, daemon=True)
        self._thread.start()

    def let_go(self) -> None:
        """Everything that waits comes back with an error."""
        if self._device >= 0:
            self._libc.umount2(os.fsencode(self.mount), _FORCE_AND_DETACH)
            self._thread.join(10)
            os.close(self._device)
            self._device = -1

    def _take_requests(self) -> None:
        with contextlib.suppress(OSError):  # the mount has ended
            while True:
                request = os.read(self._device, 1 << 20)
                _, operation, unique = struct.unpack_from("<IIQ", request)
                if operation == _INIT:
                    version = struct.pack("<IIIIHHII36x", 7, 31, 0, 0, 12, 9, 4096, 1)
                    os.write(self._device, struct.pack("<IiQ", 16 + len(version), 0, unique) + version)
