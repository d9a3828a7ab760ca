"""PostgreSQL from Debian: a cluster of the tests' own, which asks for a password and syncs as in production."""

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import psycopg
from servers.started import Process, free_port, run

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql/none/bin"))
USER = "forewarn"
PASSWORD = "a-word-that-must-not-show"


class Database(NamedTuple):
    """``url`` has no password in it."""

    url: str
    password: str

    def run(self, statement: str) -> list[Any]:
        """What it gives; for a look from outside."""
        with psycopg.connect(self.url, password=self.password, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


class PostgreSQL:
    installed = (PROGRAMS / "initdb").exists()

    def __init__(self, wal: Path | None = None) -> None:
        """``wal``: where its write-ahead log is kept, an empty directory."""
        self.directory = Path(tempfile.mkdtemp(prefix="forewarn-postgresql-"))
        self.port = free_port()
        # Root may not run it.
        self._as_postgres = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if not os.getuid() else []
        )
        self._postmaster = self.directory / "data" / "postmaster.pid"
        password = self.directory / "password"
        password.write_text(PASSWORD)
        if self._as_postgres:
            shutil.chown(self.directory, "postgres")
            shutil.chown(password, "postgres")
        options = ["--no-sync", "--username", USER, "--pwfile", str(password), "--auth=scram-sha-256"]
        options += ["--encoding=UTF8", "--locale=C.UTF-8", "--pgdata", str(self.directory / "data")]
        if wal:
            wal.chmod(0o700)
            if self._as_postgres:
                shutil.chown(wal, "postgres")
            options += ["--waldir", str(wal), "--wal-segsize=1"]
        run([*self._as_postgres, str(PROGRAMS / "initdb"), *options], {}, self.directory)
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.directory}
        settings["max_connections"] = 300
        chosen = [text for key, value in settings.items() for text in ("-c", f"{key}={value}")]
        command = [*self._as_postgres, str(PROGRAMS / "postgres"), "-D", str(self.directory / "data"), *chosen]
        self._process = Process(command, self.directory.with_suffix(".log"), {}, self.directory)

    def start(self) -> None:
        self._process.start(lambda: self.run("SELECT 1"))

    def stop(self) -> None:
        """Connections are ended, not waited for."""
        self._signal(signal.SIGINT)
        self._process.stop()

    def kill(self) -> None:
        """All of its processes end at once and nothing is written any more."""
        self._signal(signal.SIGQUIT)
        self._process.stop()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """All of its processes stand still; their connections stay open."""
        postmaster = psutil.Process(int(self._postmaster.read_text().split()[0]))
        processes = [postmaster]
        postmaster.suspend()
        for process in postmaster.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.suspend()
                processes.append(process)
        try:
            yield
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):  # it was about to end
                    process.resume()

    def said(self) -> str:
        return self.directory.with_suffix(".log").read_text(errors="replace")

    def remove(self) -> None:
        self.kill()  # what it has not written yet, nobody will read
        shutil.rmtree(self.directory)
        self.directory.with_suffix(".log").unlink()

    def fresh(self, like: Database | None = None, directory: Path | None = None) -> Database:
        """A new, empty database; or a copy of one to which nobody is connected. ``directory``: where its tables are
        kept, an empty one."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        template = like.url.rpartition("/")[2] if like else "template1"
        kept = ""
        if directory:
            if self._as_postgres:
                shutil.chown(directory, "postgres")
            self.run(f"CREATE TABLESPACE {name} LOCATION '{directory}'")
            kept = f" TABLESPACE {name}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}{kept}")
        return self._database(name)

    def drop(self, database: Database) -> None:
        """And the place where its tables were kept."""
        name = database.url.rpartition("/")[2]
        self.run(f"DROP DATABASE {name} WITH (FORCE)")
        self.run(f"DROP TABLESPACE IF EXISTS {name}")

    def run(self, statement: str) -> list[Any]:
        """In a database that no test uses."""
        return self._database("postgres").run(statement)

    def _database(self, name: str) -> Database:
        return Database(f"postgresql://{USER}@127.0.0.1:{self.port}/{name}", PASSWORD)

    def _signal(self, number: int) -> None:
        if self._postmaster.exists():
            process = int(self._postmaster.read_text().split()[0])
            subprocess.run([*self._as_postgres, "kill", f"-{number}", str(process)], check=False)
