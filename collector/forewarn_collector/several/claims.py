"""What this collector holds among several that share one PostgreSQL: shares of the fleet, and who does the scheduled.

A claim is an advisory lock of one session. It ends with the session, whatever ends that: the others see it within a
second and take over. The collector that lost it stops by itself, at the latest after ``LEASE_SECONDS`` without an
answer; what it still has on its way is refused by the docket of its judges (``tickets/docket.py``).
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from forewarn_collector.several.fair import decide
from forewarn_collector.several.members import Member, member_of
from forewarn_collector.store.model import StoreError, TooNew
from forewarn_collector.store.place import Connection
from forewarn_collector.store.state import database_trouble

log = logging.getLogger(__name__)

TURN_SECONDS = 1.0
LEASE_SECONDS = 4.0
FROZEN = "60s"
"""PostgreSQL ends a session that says nothing for so long: others do the work of a machine that stands still."""

_OURS = 0x66777273
"""The first number of all our locks; the second is a share or one of these."""
_RUNNER, _MEMBER = 1000, 1001

_PID = "SELECT pg_backend_pid()"
# Known from PostgreSQL 14 on.
_END_WHEN_SILENT = "SELECT set_config(name, ?, false) FROM pg_settings WHERE name = 'idle_session_timeout'"
_TRY = "SELECT pg_try_advisory_lock(?, ?)"
_LET_GO = "SELECT pg_advisory_unlock(?, ?)"
_JOIN = "SELECT pg_advisory_lock_shared(?, ?)"
_FORGET = "DELETE FROM collector WHERE pid = ? OR name = ?"
_REGISTER = "INSERT INTO collector (name, address, version, pid, since) VALUES (?, ?, ?, ?, ?)"
_WHO = """
    SELECT collector.pid, name, address, version, since, array_agg(lock.objid::bigint)
    FROM collector JOIN pg_locks AS lock ON lock.pid = collector.pid
    WHERE locktype = 'advisory' AND classid = ? AND objsubid = 2 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY collector.pid, name, address, version, since ORDER BY name"""


class Claims:
    """One thread. ``myself``: how this collector is shown to people, when it joins. ``check`` raises TooNew when this
    version can no longer work with the tables; then everything is given up for good."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        myself: Callable[[], Member],
        check: Callable[[Connection], None] = lambda _connection: None,
    ) -> None:
        self.trouble: str | None = None
        self.members: list[Member] = []
        self._connect = connect
        self._myself = myself
        self._check = check
        self._ended: Callable[[], None] = lambda: None
        self._taken: Callable[[int], None] = lambda _share: None
        self._given: Callable[[list[int]], None] = lambda _shares: None
        self._connection: Connection | None = None
        self._pid = 0
        self._held: list[int] = []
        self._runner = False
        self._answered_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="claims")

    def start(
        self,
        taken: Callable[[int], None],
        given: Callable[[list[int]], None],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """All are called in the thread of the claims; ``given`` returns when nothing works on these shares any more.
        ``ended``: a newer version has taken over."""
        self._taken, self._given, self._ended = taken, given, ended
        self._thread.start()

    def stop(self) -> None:
        """Give up everything, so that the others need not wait."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def runs(self) -> bool:
        """Whether this collector does what is scheduled, as far as it knows."""
        return self._runner and time.monotonic() < self._answered_at + LEASE_SECONDS

    def whose(self, share: int) -> str:
        """Who judges a share, for people."""
        # The last look was before what was given up in that turn.
        gone = self._myself().name if share not in self._held else None
        found = next((one for one in self.members if share in one.shares and one.name != gone), None)
        return f"collector {found.name} ({found.address})" if found else "no collector at the moment"

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.turn()
                self._say(None)
            except TooNew as error:
                self._lose()
                self._ended()
                self._say(f"this collector takes no more work: {error}")
                return
            except Exception as error:
                self._say(f"claims: {database_trouble(error) or repr(error)}")
                self._lose()
            self._stopping.wait(TURN_SECONDS)
        self._lose()

    def turn(self) -> None:
        """Look who is there; take and give. Raise StoreError when the session is lost, TooNew when it is over."""
        began = time.monotonic()
        connection = self._connection or self._join()
        self._check(connection)
        self._runner = self._runner or self._try(connection, _RUNNER)
        found = [(row[0], member_of(row[1:], _RUNNER)) for row in connection.execute(_WHO, (_OURS,))]
        self._answered_at = began
        self.members = [member for _, member in found]
        step = decide(self._held, [member.shares for pid, member in found if pid != self._pid])
        if step.give:
            self._given(step.give)
            for share in step.give:
                self._held.remove(share)
                connection.execute(_LET_GO, (_OURS, share))
        for share in step.take:
            if not self._stopping.is_set() and self._try(connection, share):
                self._held.append(share)
                self._taken(share)

    def _join(self) -> Connection:
        connection = self._connection = self._connect()
        self._check(connection)
        me = self._myself()
        (self._pid,) = connection.execute(_PID).fetchone()
        if any(row[1] == me.name for row in connection.execute(_WHO, (_OURS,))):
            raise StoreError(f"another collector is called {me.name}; give one of them another store.journal.name")
        connection.execute(_END_WHEN_SILENT, (FROZEN,))
        connection.execute(_FORGET, (self._pid, me.name))
        connection.execute(_REGISTER, (me.name, me.address, me.version, self._pid, me.since))
        connection.execute(_JOIN, (_OURS, _MEMBER))
        return connection

    def _try(self, connection: Connection, what: int) -> bool:
        return bool(connection.execute(_TRY, (_OURS, what)).fetchone()[0])

    def _lose(self) -> None:
        """The session is over, or ends now."""
        self._runner = False
        held, self._held = self._held, []
        if held:
            self._given(held)
        if self._connection is not None:
            with suppress(StoreError):
                self._connection.close()
            self._connection = None

    def _say(self, text: str | None) -> None:
        if text is not None and text != self.trouble:
            log.error("%s", text)
        self.trouble = text
