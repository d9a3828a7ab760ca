"""A backup of a running collector, put back elsewhere, knows what it knew; one that is not whole changes nothing."""

import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from servers.postgresql import Database

from forewarn_collector.cli.main import forewarn
from forewarn_collector.store.backup import back_up, restore
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Point, StoreError
from forewarn_collector.store.postgres import Postgres
from forewarn_wire import up_topic


def ask(data: Path, *words: str, status: int = 0) -> Any:
    command = [sys.executable, "-m", "forewarn_collector", "--data", str(data), *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def backed_up(
    tmp_path_factory: pytest.TempPathFactory, collector_process: Any, device_type: Any,
    load_payload: Callable[..., bytes],
) -> Path:  # fmt: skip
    """Reports go on coming while it is made."""
    directory = tmp_path_factory.mktemp("backup")
    collector = collector_process(directory / "data")
    collector.start()
    device = device_type(collector.mqtt_port)
    try:
        device.connect()
        packets = [device.packet(up_topic("shop-07", "load"), load_payload("shop-07", seq)) for seq in range(1, 101)]
        device.send(*packets[:50])
        assert {int(device.receive(60).reason_code) for _ in range(50)} == {0}
        device.send(*packets[50:])
        said = ask(collector.data, "backup", str(directory / "monday.tar.gz"))
        assert {int(device.receive(60).reason_code) for _ in range(50)} == {0}
    finally:
        device.close()
        collector.stop()
    assert {"journal.db", "state.db"} <= {*said["files"]}
    assert "api.json" not in said["files"]
    return directory / "monday.tar.gz"


def test_what_was_backed_up_while_it_ran_is_there_after_the_restoration(
    backed_up: Path, make_collector: Callable[..., Any], tmp_path: Path
) -> None:
    assert backed_up.stat().st_mode & 0o777 == 0o600
    said = ask(tmp_path / "second", "restore", str(backed_up))
    assert said["version"]
    words = [sys.executable, "-m", "forewarn_collector", "--data", str(tmp_path / "third"), "restore", str(backed_up)]
    assert " kB, written by forewarn" in subprocess.run(words, capture_output=True, text=True).stdout
    assert ask(tmp_path / "second", "store", "check")["problems"] == []
    second = make_collector(name="second")
    assert 50 <= ask(second.data, "device", "shop-07")["line"]["reports"] <= 100
    assert ask(second.data, "store", "check")["unsealed_rows"] >= 50


def test_a_backup_goes_over_nothing(backed_up: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there already"):
        back_up(backed_up.parent / "data", backed_up, "0")
    with pytest.raises(StoreError, match="not empty"):
        restore(backed_up, backed_up.parent / "data")
    with pytest.raises(StoreError, match="no journal here"):
        back_up(tmp_path / "elsewhere", tmp_path / "new.tar.gz", "0")
    assert not (tmp_path / "new.tar.gz").exists()


def changed(source: Path, target: Path, name: str, content: bytes | None) -> Path:
    """The same archive with another content of one file, or without it."""
    with tarfile.open(source, "r:gz") as old, tarfile.open(target, "w:gz") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            found = file.read()
            if member.name == name:
                if content is None:
                    continue
                found, member.size = content, len(content)
            new.addfile(member, io.BytesIO(found))
    return target


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("data/state.db", b"SQLite format 3\0", "is not as it was written"),
        ("data/journal.db", None, "is not as it was written"),
        ("manifest.json", None, "no whole backup"),
        ("manifest.json", b"{}", "no whole backup"),
        ("manifest.json", b'{"format": 99, "version": "9", "made_at": 1, "files": {}}', "format 99"),
    ],
)
def test_a_backup_that_is_not_whole_changes_nothing(
    backed_up: Path, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    bad = changed(backed_up, tmp_path / "bad.tar.gz", name, content)
    with pytest.raises(StoreError, match=said):
        restore(bad, tmp_path / "second")
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize("cut", [0, 100, -100])
def test_a_backup_that_was_cut_off_changes_nothing(backed_up: Path, tmp_path: Path, cut: int) -> None:
    short = tmp_path / "short.tar.gz"
    short.write_bytes(backed_up.read_bytes()[:cut])
    done = CliRunner().invoke(forewarn, ["--data", str(tmp_path / "second"), "restore", str(short)])
    assert (done.exit_code, "Traceback" in done.output) == (1, False)
    assert "no whole backup" in done.output
    assert not (tmp_path / "second").exists()


def member(name: str, type_: bytes = tarfile.REGTYPE, points_to: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = type_, points_to
    return made


@pytest.mark.parametrize(
    "evil",
    [
        [member("../climbed")],
        [member("data/../../climbed")],
        [member("{outside}/climbed")],
        [member("data/way", tarfile.SYMTYPE, "{outside}"), member("data/way/climbed")],
        [member("data/way", tarfile.LNKTYPE, "../climbed")],
        [member("data/pipe", tarfile.FIFOTYPE)],
        [member("data/disk", tarfile.BLKTYPE)],
    ],
    ids=["up", "up-again", "absolute", "symbolic-link", "hard-link", "pipe", "device"],
)
def test_what_climbs_out_or_is_no_plain_file_is_refused(tmp_path: Path, evil: list[tarfile.TarInfo]) -> None:
    archive, outside = tmp_path / "evil.tar.gz", tmp_path / "outside"
    outside.mkdir()
    with tarfile.open(archive, "w:gz") as made:
        for one in evil:
            placed = member(one.name.format(outside=outside), one.type, one.linkname.format(outside=outside))
            made.addfile(placed, io.BytesIO())
    with pytest.raises(StoreError, match=r"no whole backup .*: .* has no place in a data directory"):
        restore(archive, tmp_path / "room" / "second")
    assert not [*tmp_path.rglob("climbed")]
    assert not [*(tmp_path / "room").iterdir()]


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "evil.tar.gz"
    with tarfile.open(archive, "w:gz") as made:
        nameless = member("data/x")
        nameless.pax_headers = {"path": "data/\0"}
        made.addfile(nameless, io.BytesIO())
    with pytest.raises(StoreError, match=r"no whole backup .*: embedded null byte"):
        restore(archive, tmp_path / "room" / "second")


def test_the_oldest_python_can_restore_too(backed_up: Path, tmp_path: Path) -> None:
    """Debian 12's own, which lacks what later versions of the same number brought."""
    debian = "/usr/bin/python3"
    if not Path(debian).is_file():
        pytest.skip(f"{debian} is not here")
    numbers = "import sys; print(*sys.version_info[:2])"
    ours, theirs = (
        subprocess.run([python, "-c", numbers], capture_output=True, text=True).stdout
        for python in (sys.executable, debian)
    )
    if ours != theirs:
        pytest.skip(f"{debian} is no Python {ours.strip().replace(' ', '.')}")
    paths = [path for path in sys.path if path and not Path(path).is_relative_to(sys.base_prefix)]
    command = [debian, "-m", "forewarn_collector", "--data", str(tmp_path / "second"), "restore", str(backed_up)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "second" / "journal.db").is_file()


def test_damage_is_found(backed_up: Path, tmp_path: Path) -> None:
    data = tmp_path / "second"
    restore(backed_up, data)
    with sqlite3.connect(data / "journal.db") as journal:
        journal.execute("INSERT INTO block VALUES (7, 3, 1, 2, x'0102')")
    journal.close()
    found = ask(data, "store", "check", status=1)
    assert len(found["problems"]) == 1
    assert "block 7" in found["problems"][0]
    path = data / "state.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    assert len(ask(data, "store", "check", status=1)["problems"]) >= 2


def test_with_journal_and_state_in_postgresql_it_says_what_pg_dump_must_do(tmp_path: Path, database: Database) -> None:
    data = tmp_path / "data"
    data.mkdir()
    password = data / "pg.password"
    password.write_text(database.password)
    password.chmod(0o600)
    where = {"url": database.url, "password_file": str(password)}
    config = tmp_path / "collector.yaml"
    store = {"journal": where, "state": dict(where)}
    config.write_text(
        yaml.safe_dump(
            {"store": store, "listen": {"enabled": False}, "broker": {"url": "mqtt://127.0.0.1", "group": "forewarn"}}
        )
    )
    place = Postgres(database.url, database.password)
    with Journal(place) as journal:
        points = [Point("dev-1", "load", "", 1e9 + n, ("cpu.used_percent",), (1.0,), b"{}") for n in range(100)]
        journal.commit([Accepted("dev-1", "b1", n, point.at, point.at, (point,)) for n, point in enumerate(points)])
        assert journal.seal(1e9 + 1e6, 100).rows == 100
    command = [sys.executable, "-m", "forewarn_collector", "--data", str(data)]
    ending = ["--config", str(config), "--json"]
    made = subprocess.run([*command, "backup", str(tmp_path / "b.tar.gz"), *ending], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["files"] == ["pg.password"]
    assert [line.partition(";")[0] for line in made.stderr.splitlines() if line] == [
        "tickets and users are not in it: there is no state.db here",
        "reports are not in it: there is no journal.db here",
    ]
    assert made.stderr.count("run pg_dump --schema forewarn_") == 2
    assert restore(tmp_path / "b.tar.gz", tmp_path / "second").files.keys() == {"pg.password"}
    refused = subprocess.run([*command, "backup", str(tmp_path / "c.tar.gz")], capture_output=True, text=True)
    assert "there is no journal here" in refused.stderr

    found = ask(data, "store", "check", "--config", str(config))
    the_hours_rollup = 1
    assert (found["rows_in_blocks"], found["unsealed_rows"], found["problems"]) == (100, the_hours_rollup, [])
    database.run("UPDATE forewarn_journal.block SET body = substr(body, 1, 20)")
    found = ask(data, "store", "check", "--config", str(config), status=1)
    assert len(found["problems"]) == found["blocks"] > 0
