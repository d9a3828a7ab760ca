"""Zabbix server 6.0 with PostgreSQL, both Debian's with their own settings, in a directory of their own.

A report is stored when its rows are in the table ``history``; a verdict is a row in ``problem``, which is looked for
fifty times a second. CPU is that of all processes of both without those that ask for this benchmark; memory is what
they have for themselves and their share of what they have in common, at the end of the load.
"""

import contextlib
import multiprocessing
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import msgspec
import psutil
import psycopg
from peer_zabbix_database import FULL_DISK, fill, trigger_id
from peer_zabbix_sender import deliver, request, send
from peers import PROJECT, free_port
from peers_load import KILL_AFTER_SECONDS, Figures
from reports import DAY, VALUES, load_report
from watching import quantile

sys.path.append(str(PROJECT / "tests"))
from servers.postgresql import Database, PostgreSQL

SENDERS = 4
PROBE_EVERY_SECONDS = 0.05
LOOK_EVERY_SECONDS = 0.02
WARM_UP_SECONDS = 2.0
START_SECONDS = 60.0
STORED_SECONDS = 300.0


class Zabbix:
    """A server that runs on a database of its own; ``hosts`` are those that it knows."""

    def __init__(self, directory: Path, cluster: PostgreSQL, hosts: Sequence[str]) -> None:
        self.hosts = list(hosts)
        self.port = free_port()
        self._postmaster = int((cluster.directory / "data" / "postmaster.pid").read_text().split()[0])
        self._database = cluster.fresh()
        self.looking = psycopg.connect(self._database.url, password=self._database.password, autocommit=True)
        fill(self.looking, self.hosts)
        program = shutil.which("zabbix_server", path="/usr/sbin:/usr/local/sbin")
        assert program is not None
        configuration = directory / "zabbix_server.conf"
        configuration.write_text(_configuration(directory, self.port, cluster, self._database))
        self._log = directory / "zabbix_server.log"
        with self._log.open("wb") as log:
            self._server = subprocess.Popen([program, "-f", "-c", str(configuration)], stdout=log, stderr=log)
        self._wait_until_up()

    def _wait_until_up(self) -> None:
        """Until it takes a value, not only connections: it reads what hosts there are first."""
        deadline = time.monotonic() + START_SECONDS
        first = request(load_report(self.hosts[0], "", 0, time.time() - 50 * DAY))
        while time.monotonic() < deadline and self._server.poll() is None:
            with contextlib.suppress(OSError, SystemExit):
                deliver(self.port, first)
                return
            time.sleep(0.2)
        raise SystemExit(f"Zabbix server did not start:\n{self._log.read_text()[-2000:]}")

    def stored(self, start: float) -> int:
        """Reports whose 15 values are stored, of those with times between ``start`` and five days later."""
        between = (int(start), int(start + 5 * DAY))
        found = self.looking.execute("SELECT count(*) FROM history WHERE clock BETWEEN %s AND %s", between).fetchone()
        assert found is not None
        return int(found[0]) // VALUES

    def wait_until_stored(self, start: float, reports: int) -> None:
        deadline = time.monotonic() + STORED_SECONDS
        while (stored := self.stored(start)) < reports:
            if time.monotonic() > deadline:
                raise SystemExit(f"Zabbix stored {stored} of {reports} reports within {STORED_SECONDS:.0f} s")
            time.sleep(0.5)

    def processes(self) -> list[psutil.Process]:
        """Server and database, without the session that asks for this benchmark."""
        roots = [psutil.Process(self._server.pid), psutil.Process(self._postmaster)]
        found = [process for root in roots for process in (root, *root.children(recursive=True))]
        return [process for process in found if process.pid != self.looking.info.backend_pid]

    def cpu_seconds(self) -> float:
        """Of those that are there, and of children that ended meanwhile."""
        total = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
                if process.pid in (self._server.pid, self._postmaster):
                    total += times.children_user + times.children_system
        return total

    def memory_bytes(self) -> int:
        total = 0
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
        return total

    def bytes_per_value(self) -> float:
        """Tables and indexes of values and their hourly trends."""
        found = self.looking.execute(
            "SELECT pg_total_relation_size('history') + pg_total_relation_size('trends'), count(*) FROM history"
        ).fetchone()
        assert found is not None
        return float(found[0]) / float(found[1])

    def kill(self) -> None:
        """The server with SIGKILL; PostgreSQL lives, and ends what it was told before."""
        if self._server.poll() is not None:
            return
        server = psutil.Process(self._server.pid)
        for process in (server, *server.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        self._server.wait()
        others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while self.looking.execute(others).fetchone():
            time.sleep(0.1)


def _configuration(directory: Path, port: int, cluster: PostgreSQL, database: Database) -> str:
    url = psycopg.conninfo.conninfo_to_dict(database.url)
    settings = {
        "AllowRoot": 1,
        "LogType": "console",
        "PidFile": directory / "zabbix_server.pid",
        "SocketDir": directory,
        "ListenIP": "127.0.0.1",
        "ListenPort": port,
        "DBHost": "127.0.0.1",
        "DBPort": cluster.port,
        "DBName": url["dbname"],
        "DBUser": url["user"],
        "DBPassword": database.password,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


class Load:
    """Reports of all devices from several processes at once."""

    def __init__(self, pool: ProcessPoolExecutor, server: Zabbix, devices: int, start: float, seconds: float) -> None:
        self._pool, self._server, self._devices = pool, server, server.hosts[:devices]
        self._start, self._seconds = start, seconds
        self._running: list[Future[int]] = []

    def begin(self, rate: float | None = None) -> None:
        each = rate / SENDERS if rate else None
        for number in range(SENDERS):
            devices = self._devices[number::SENDERS]
            arguments = (self._server.port, devices, self._start, self._seconds, each)
            self._running.append(self._pool.submit(send, *arguments))

    def finish(self) -> int:
        """How many were acknowledged."""
        return sum(sender.result() for sender in self._running)


def verdicts(server: Zabbix, first: int) -> list[float]:
    """Hosts from ``first`` on report a full file system, one after the other; the seconds until each is a problem."""
    probes = {trigger_id(number, FULL_DISK): server.hosts[number] for number in range(first, len(server.hosts))}
    sent: dict[int, float] = {}
    waits: dict[int, float] = {}

    def fill_up(host: str) -> None:
        report = load_report(host, "", 0, time.time())
        root, data = report.filesystems
        full = msgspec.structs.replace(data, used_percent=99.0)
        deliver(server.port, request(msgspec.structs.replace(report, filesystems=[root, full])))

    with ThreadPoolExecutor(SENDERS) as senders:
        deadline = time.monotonic() + STORED_SECONDS
        next_probe = time.perf_counter()
        left = list(probes.items())
        while len(waits) < len(probes):
            if left and time.perf_counter() >= next_probe:
                trigger, host = left.pop(0)
                sent[trigger] = time.perf_counter()
                senders.submit(fill_up, host)
                next_probe += PROBE_EVERY_SECONDS
            for (trigger,) in server.looking.execute("SELECT objectid FROM problem WHERE source = 0").fetchall():
                if trigger in sent:
                    waits.setdefault(trigger, time.perf_counter() - sent[trigger])
            if time.monotonic() > deadline:
                raise SystemExit(f"Zabbix made {len(waits)} problems of {len(probes)}")
            time.sleep(LOOK_EVERY_SECONDS)
    return sorted(waits.values())


@contextlib.contextmanager
def running(directory: Path, hosts: Sequence[str]) -> Iterator[Zabbix]:
    cluster = PostgreSQL()
    try:
        cluster.start()
        server = Zabbix(directory, cluster, hosts)
        try:
            yield server
        finally:
            server.kill()
            server.looking.close()
    finally:
        cluster.remove()


def measure(directory: Path, devices: int, seconds: float, paced: float, paced_seconds: float) -> Figures:
    probes = int(paced_seconds / PROBE_EVERY_SECONDS)
    hosts = [f"fast-{number}" for number in range(devices)] + [f"probe-{number}" for number in range(probes)]
    # A forked sender would have this process's connection to the database.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(SENDERS, context) as pool, running(directory, hosts) as server:
        # Five days of device time apart, so that each is counted by itself.
        warm, fast, steady, killed = (time.time() - ago * DAY for ago in (40, 30, 20, 10))
        load = Load(pool, server, devices, warm, WARM_UP_SECONDS)
        load.begin()
        server.wait_until_stored(warm, load.finish())
        cpu, began = server.cpu_seconds(), time.perf_counter()
        load = Load(pool, server, devices, fast, seconds)
        load.begin()
        reports = load.finish()
        server.wait_until_stored(fast, reports)
        took, cpu = time.perf_counter() - began, server.cpu_seconds() - cpu
        memory, size = server.memory_bytes(), server.bytes_per_value()

        load = Load(pool, server, devices, steady, paced_seconds)
        load.begin(paced)
        waits = verdicts(server, devices)
        load.finish()

        load = Load(pool, server, devices, killed, 2 * KILL_AFTER_SECONDS)
        load.begin()
        time.sleep(KILL_AFTER_SECONDS)
        server.kill()
        acknowledged = load.finish()
        return {
            "reports_per_second": reports / took,
            "cpu_ms_per_report": 1000 * cpu / reports,
            "bytes_per_value": size,
            "memory_mb": memory / 1e6,
            "verdict_p95_ms": 1000 * quantile(waits, 0.95),
            "acknowledged": acknowledged,
            "lost": max(0, acknowledged - server.stored(killed)),
        }
