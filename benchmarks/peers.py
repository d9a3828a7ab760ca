"""The agents that benchmarks/agent.py compares: how each is started with its own defaults, and asked or listened to.

Each listens on, or sends to, this machine only. What it says goes through the benchmark, which counts the bytes.
"""

import contextlib
import random
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
# What a template for Linux asks of a passive Zabbix agent.
ZABBIX_ITEMS = (
    "agent.ping", "system.uptime", "system.cpu.num", "system.cpu.util[,idle]", "system.cpu.util[,iowait]",
    "system.cpu.load[all,avg1]", "system.cpu.load[all,avg5]", "system.cpu.load[all,avg15]", "vm.memory.size[available]",
    "vm.memory.size[pavailable]", "vm.memory.size[total]", "system.swap.size[,free]", "system.swap.size[,total]",
    "vfs.fs.get", "vfs.dev.discovery", "net.if.discovery", "kernel.maxproc", "proc.num", "system.users.num",
    "system.localtime",
)  # fmt: skip


def free_port() -> int:
    """Zabbix takes none above 32767."""
    for port in random.sample(range(20_000, 32_767), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


class Peer:
    """One agent. ``tick`` is called every interval; ``wire_bytes`` is what has gone over its connection so far."""

    name = ""
    program = ""

    def __init__(self, directory: Path, interval: int) -> None:
        self.directory, self.interval, self.port = directory, interval, free_port()
        self.wire_bytes = 0
        directory.mkdir()

    @classmethod
    def found(cls) -> str | None:
        return shutil.which(cls.program, path="/usr/sbin:/usr/bin:/sbin:/bin")

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def tick(self) -> None:
        """Ask it, where it waits to be asked."""

    def start(self) -> subprocess.Popen[bytes]:
        log = (self.directory / "log").open("wb")
        return subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=self.directory)

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until it answers, where it waits to be asked."""
        deadline = time.monotonic() + 120
        while type(self).tick is not Peer.tick:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not answer:\n{(self.directory / 'log').read_text()[-2000:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End what else was begun."""

    def fetch(self, path: str) -> None:
        with socket.create_connection(("127.0.0.1", self.port), 30) as asked:
            request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
            asked.sendall(request.encode())
            self.wire_bytes += len(request)
            while chunk := asked.recv(65536):
                self.wire_bytes += len(chunk)


class NodeExporter(Peer):
    name, program = "node_exporter", "prometheus-node-exporter"

    def command(self) -> Sequence[str]:
        return [str(self.found()), f"--web.listen-address=127.0.0.1:{self.port}"]

    def tick(self) -> None:
        self.fetch("/metrics")


class Netdata(Peer):
    name, program = "netdata", "netdata"

    def command(self) -> Sequence[str]:
        places = {name: self.directory / name for name in ("cache", "lib", "logs", "run")}
        for place in places.values():
            place.mkdir(exist_ok=True)
        config = self.directory / "netdata.conf"
        config.write_text(
            f"[global]\n run as user = root\n update every = {self.interval}\n"
            f"[db]\n update every = {self.interval}\n"
            f"[web]\n bind to = 127.0.0.1:{self.port}\n"
            f"[directories]\n cache = {places['cache']}\n lib = {places['lib']}\n log = {places['logs']}\n"
        )
        return [str(self.found()), "-D", "-c", str(config), "-P", str(places["run"] / "netdata.pid")]

    def tick(self) -> None:
        self.fetch("/api/v1/allmetrics?format=prometheus")


class ZabbixAgent2(Peer):
    name, program = "zabbix-agent2", "zabbix_agent2"

    def command(self) -> Sequence[str]:
        config = self.directory / "zabbix.conf"
        config.write_text(
            f"LogType=console\nServer=127.0.0.1\nListenIP=127.0.0.1\nListenPort={self.port}\nHostname=bench\n"
            f"PidFile={self.directory}/pid\nControlSocket={self.directory}/control\n"
            f"PluginSocket={self.directory}/plugin\n"
        )
        return [str(self.found()), "-c", str(config), "-f"]

    def tick(self) -> None:
        for item in ZABBIX_ITEMS:
            with socket.create_connection(("127.0.0.1", self.port), 30) as asked:
                request = b"ZBXD\x01" + struct.pack("<II", len(item), 0) + item.encode()
                asked.sendall(request)
                self.wire_bytes += len(request)
                while chunk := asked.recv(65536):
                    self.wire_bytes += len(chunk)


class Collectd(Peer):
    """It sends by itself, as datagrams."""

    name, program = "collectd", "collectd"
    plugins = (
        "cpu", "load", "memory", "swap", "df", "disk", "interface", "uptime", "sensors", "thermal", "processes", "md",
        "battery",
    )  # fmt: skip

    def command(self) -> Sequence[str]:
        self._heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._heard.bind(("127.0.0.1", self.port))
        threading.Thread(target=self._listen, daemon=True).start()
        config = self.directory / "collectd.conf"
        loaded = "".join(f"LoadPlugin {plugin}\n" for plugin in self.plugins)
        config.write_text(
            f'Hostname "bench"\nFQDNLookup false\nBaseDir "{self.directory}"\nPIDFile "{self.directory}/pid"\n'
            f'PluginDir "/usr/lib/collectd"\nTypesDB "/usr/share/collectd/types.db"\nInterval {self.interval}\n'
            f"LoadPlugin network\n{loaded}"
            f'<Plugin network>\n  Server "127.0.0.1" "{self.port}"\n</Plugin>\n'
        )
        return [str(self.found()), "-f", "-C", str(config)]

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.wire_bytes += len(self._heard.recv(65536))

    def stop(self) -> None:
        self._heard.close()


class Forewarn(Peer):
    """With TLS and a certificate, every probe on, to a Mosquitto."""

    name, program = "forewarn-agent", "mosquitto"
    environment: Path | None = None

    def command(self) -> Sequence[str]:
        authority, server, device = (self.directory / name for name in ("ca", "localhost", "bench"))
        _openssl(
            "req",
            "-x509",
            "-subj",
            "/CN=benchmark",
            *_NEW_KEY,
            "-keyout",
            f"{authority}.key",
            "-out",
            f"{authority}.crt",
        )
        for name in (server, device):
            _openssl("req", "-subj", f"/CN={name.name}", *_NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr")
            (self.directory / "names").write_text(f"subjectAltName=DNS:{name.name}")
            _openssl(
                "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key",
                "-CAcreateserial", "-extfile", f"{self.directory}/names", "-out", f"{name}.crt",
            )  # fmt: skip
        inner = free_port()
        (self.directory / "mosquitto.conf").write_text(
            f"user root\nlistener {inner} 127.0.0.1\nallow_anonymous true\nrequire_certificate true\n"
            f"cafile {authority}.crt\ncertfile {server}.crt\nkeyfile {server}.key\n"
        )
        with (self.directory / "mosquitto.log").open("wb") as log:
            command = [str(self.found()), "-c", str(self.directory / "mosquitto.conf")]
            self._server = subprocess.Popen(command, stdout=log, stderr=log)
        self._door = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(inner,), daemon=True).start()
        config = self.directory / "agent.yaml"
        config.write_text(
            f"device: bench\nserver: mqtts://localhost:{self.port}\ndata: {self.directory}/data\n"
            f"load_interval: {self.interval}s\n"
            f"tls: {{ca: {authority}.crt, certificate: {device}.crt, key: {device}.key}}\n"
        )
        return [str(self._environment() / "bin" / "forewarn-agent"), "run", "--config", str(config)]

    def _environment(self) -> Path:
        """One with nothing in it but the agent, of Debian's Python where that is there: what a client machine has."""
        if Forewarn.environment is None:
            Forewarn.environment = self.directory / "environment"
            python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
            subprocess.run([python, "-m", "venv", str(Forewarn.environment)], check=True)
            pip = [str(Forewarn.environment / "bin" / "python"), "-m", "pip", "install", "-qq", "--compile"]
            subprocess.run([*pip, "--disable-pip-version-check", str(PROJECT)], check=True)
        return Forewarn.environment

    def _serve(self, inner: int) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._door.accept()
                far = socket.create_connection(("127.0.0.1", inner))
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                self.wire_bytes += len(chunk)
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)

    def stop(self) -> None:
        self._door.close()
        self._server.terminate()
        self._server.wait(10)


PEERS: tuple[type[Peer], ...] = (Forewarn, NodeExporter, ZabbixAgent2, Collectd, Netdata)
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
