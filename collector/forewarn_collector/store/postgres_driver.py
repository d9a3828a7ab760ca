"""psycopg as journal and state use it: connections that do not wait for ever, errors in one line with the remedy."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.types.numeric import FloatLoader
from psycopg.types.string import StrDumper

_CONNECT_SECONDS = 5
# A network that is gone without a word is noticed after so long.
_SILENT_MILLISECONDS = 10_000
# A server that hangs keeps its connections; longer than it may wait for a lock, no answer is due.
_HANGING_SECONDS = 25.0

_NOTHING_STORED = "nothing of this was stored"
# By SQLSTATE, the first that fits: https://www.postgresql.org/docs/15/errcodes-appendix.html
_REMEDIES = (
    ("28", "check the user in the URL and the password file, and what pg_hba.conf allows"),
    ("3D000", "create the database, or name another one in the URL"),
    ("42501", "give this user the right to use and to create the schema {schema}"),
    ("25006", "the server takes no writes: name the primary, not a standby"),
    ("53100", f"{_NOTHING_STORED}: free some space on the server"),
    ("53300", "the server has no connection left: raise its max_connections"),
    ("57P03", "the server is starting or stopping: it is tried again"),
    ("55P03", "another collector holds the database for too long: it is tried again"),
    ("08", f"{_NOTHING_STORED}; it is tried again"),
)
_UNREACHABLE = "check that the server runs and can be reached from here; it is tried again"


class _Text(StrDumper):
    """PostgreSQL's text cannot hold the character NUL, which a foreign client may send."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd"))


Answer = TypeVar("Answer")


class Connection(psycopg.Connection[Any]):
    """Is closed by an OperationalError that is not the server's own word, as when it says nothing for too long."""

    patience = _HANGING_SECONDS

    def wait(self, gen: PQGen[Answer], interval: float = 0.1, timeout: float | None = None) -> Answer:
        try:
            return super().wait(_heard(gen, self.patience), interval, timeout)
        except psycopg.OperationalError as error:
            # Not the server's word, so the connection may stand anywhere: cut off among many statements, psycopg can
            # be left in a pipeline, and takes no other statement ever.
            if error.sqlstate is None:
                self.close()
            raise


def _heard(waiting: PQGen[Answer], seconds: float) -> PQGen[Answer]:
    """The same, but it may not wait longer than this from one sign of the server to the next."""
    try:
        wanted, heard = next(waiting), time.monotonic()
        while True:
            ready = yield wanted
            if ready:
                heard = time.monotonic()
            elif time.monotonic() - heard > seconds:
                raise psycopg.OperationalError(f"the server has not answered for {seconds:.0f} s")
            wanted = waiting.send(ready)
    except StopIteration as end:
        answer: Answer = end.value
        return answer


@contextmanager
def unhurried(connection: Connection) -> Iterator[None]:
    """For what may take long on tables of years."""
    usual, connection.patience = connection.patience, inf
    try:
        yield
    finally:
        connection.patience = usual


def connect(url: str, password: str | None, schema: str, autocommit: bool, options: str) -> Connection:
    """Numbers with decimals come as float. Raise psycopg.Error."""
    connection = Connection.connect(
        url, autocommit=autocommit, password=password, connect_timeout=_CONNECT_SECONDS,
        application_name="forewarn", options=f"-c search_path={schema} {options}",
        keepalives_idle=5, keepalives_interval=2, keepalives_count=2, tcp_user_timeout=_SILENT_MILLISECONDS,
    )  # fmt: skip
    connection.adapters.register_loader("numeric", FloatLoader)
    connection.adapters.register_dumper(str, _Text)
    return connection


def in_words(error: psycopg.Error, schema: str) -> str:
    """What a server said, in one line, with the remedy where there is a known one."""
    said = " ".join(str(error).split()) or type(error).__name__
    state = error.sqlstate or ""
    remedy = next((text for code, text in _REMEDIES if state.startswith(code)), "")
    if not state and isinstance(error, psycopg.OperationalError):
        remedy = _remedy_before_there_is_a_state(said)
    return said + (f"; {remedy.format(schema=schema)}" if remedy else "")


def _remedy_before_there_is_a_state(said: str) -> str:
    """What fails while connecting has no SQLSTATE, only words."""
    if "authentication failed" in said or "no password supplied" in said or "pg_hba.conf" in said:
        return _REMEDIES[0][1]
    if "does not exist" in said and "database" in said:
        return _REMEDIES[1][1]
    return _UNREACHABLE
