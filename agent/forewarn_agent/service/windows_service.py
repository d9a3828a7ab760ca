"""What Windows' Service Control Manager starts: ``forewarn-agent serve NAME``. pywin32's only user.

Written after its documentation and Microsoft's; no Windows was at hand to run it on.
"""

import contextlib
import logging
import logging.handlers
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Protocol

if sys.platform == "win32":
    import msvcrt

    import servicemanager
    import win32pipe
    import win32security
    import win32service
    import win32serviceutil

    from forewarn_agent.app import Agent
    from forewarn_agent.config import load_config
    from forewarn_agent.runner import Runner
    from forewarn_agent.service.places import WindowsPlaces
    from forewarn_agent.service.smartctl_door import answer
    from forewarn_agent.service.windows import ACCOUNT, SMARTCTL, SMARTCTL_PROGRAM
    from forewarn_agent.smartctl_socket import PIPE

    _LOG_BYTES = 1_000_000

    def serve_as(name: str) -> None:
        """Be the service ``name`` until it is stopped. Raise ConfigError."""
        if name == SMARTCTL:
            runner = Runner()
            serve(
                name, lambda: PipeDoor(PIPE, ACCOUNT, lambda connection: answer(connection, runner, SMARTCTL_PROGRAM))
            )
            return
        config = load_config(WindowsPlaces(Path("C:/")).config)
        log = logging.handlers.RotatingFileHandler(config.data / "agent.log", maxBytes=_LOG_BYTES, backupCount=5)
        logging.basicConfig(handlers=[log], level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        serve(name, lambda: Agent(config))

    class Work(Protocol):
        """What a service does: ``run`` comes back after ``stop``."""

        def run(self) -> None: ...

        def stop(self) -> None: ...

    def serve(name: str, make: Callable[[], Work]) -> None:
        """Tell the manager that this process is the service ``name``; come back when it has ended."""

        class Service(win32serviceutil.ServiceFramework):
            _svc_name_ = name

            def __init__(self, arguments: list[str]) -> None:
                super().__init__(arguments)
                self._work = make()

            def SvcStop(self) -> None:  # noqa: N802 - pywin32's name
                self.ReportServiceStatus(win32service.SERVICE_STOP_PENDING, waitHint=20_000)
                self._work.stop()

            SvcShutdown = SvcStop

            def SvcDoRun(self) -> None:  # noqa: N802 - pywin32's name
                self._work.run()

        servicemanager.Initialize(name, None)
        servicemanager.PrepareToHostSingle(Service)
        servicemanager.StartServiceCtrlDispatcher()  # type: ignore[no-untyped-call]

    class PipeDoor:
        """A named pipe that the agent's service may open, and the system: each connection is one request."""

        def __init__(self, pipe: str, account: str, answer: Callable[[BinaryIO], None]) -> None:
            self._pipe, self._answer = pipe, answer
            self._stopped = threading.Event()
            service, _, _ = win32security.LookupAccountName(None, account)
            owner = win32security.ConvertSidToStringSid(service)
            self._attributes = win32security.SECURITY_ATTRIBUTES()
            # Nothing inherited: the system everything, the agent reading and writing, nobody else.
            self._attributes.SECURITY_DESCRIPTOR = win32security.ConvertStringSecurityDescriptorToSecurityDescriptor(
                f"D:P(A;;GA;;;SY)(A;;GRGW;;;{owner})", win32security.SDDL_REVISION_1
            )

        def run(self) -> None:
            # Whoever had made a pipe of this name before would be found out.
            first = win32pipe.FILE_FLAG_FIRST_PIPE_INSTANCE
            while not self._stopped.is_set():
                handle: Any = win32pipe.CreateNamedPipe(
                    self._pipe,
                    win32pipe.PIPE_ACCESS_DUPLEX | first,
                    win32pipe.PIPE_TYPE_BYTE | win32pipe.PIPE_WAIT | win32pipe.PIPE_REJECT_REMOTE_CLIENTS,
                    16,
                    1 << 16,
                    1 << 16,
                    0,
                    self._attributes,
                )
                first = 0
                win32pipe.ConnectNamedPipe(handle, None)
                connection = os.fdopen(msvcrt.open_osfhandle(handle.Detach(), os.O_BINARY), "r+b", buffering=0)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

        def stop(self) -> None:
            self._stopped.set()
            # What waits for a connection gets one.
            with contextlib.suppress(OSError), open(self._pipe, "r+b", buffering=0):
                pass

        def _serve(self, connection: BinaryIO) -> None:
            with contextlib.suppress(OSError), connection:
                self._answer(connection)
                # It waits until the other side has read everything.
                os.fsync(connection.fileno())
