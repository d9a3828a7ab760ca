"""Every mistake in the configuration has its own small file in tests/data/collector/bad-config, and one clear line."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn_collector.addresses import is_loopback
from forewarn_collector.app import Collector
from forewarn_collector.config import Api, Config, DestinationEntry, Listen
from forewarn_collector.config_file import ConfigError, load_config
from forewarn_collector.start import StartError
from forewarn_collector.store.model import StoreError

BAD = Path(__file__).resolve().parent.parent / "data" / "collector" / "bad-config"

MESSAGES = {
    "alias": ["1: rules.directories[0]: this is an alias (*name); write the value out",
              "3: rules.directories: expected `str`, got `null`"],
    "api-beyond-loopback": ["2: api.address: plain text is for loopback only (found '192.168.1.5'); use 127.0.0.1"],
    "broker-bad-port": ["2: broker.url: not an MQTT address (found 'mqtts://broker.example:many'); write mqtts://HOST"],
    "broker-certificate-alone": ["3: broker.certificate: it needs broker.key beside it (found '/etc/hostname'); add k"],
    "broker-group": ["3: broker.group: not a name of a group (found 'a/b'); write a word without / + #"],
    "broker-other-scheme": ["2: broker.url: not an MQTT address (found 'http://broker.example'); write mqtts://HOST"],
    "broker-plain-text": ["2: broker.url: plain text is for loopback only (found 'mqtt://broker.example:1883'); write"],
    "broker-without-url": ["1: broker.url: this key is missing; add url: mqtts://broker.example:8883"],
    "control-character": ["1: not YAML: the character U+0007 is not allowed; remove it"],
    "data-is-a-number": ["1: data: expected `str | null`, got `int` (found 5); for example: /var/lib/forewarn"],
    "data-is-empty": ["1: data: this is empty (found ''); name a directory, or remove the line"],
    "destination-broken-url": ["4: destinations[0].url: not an http or https address (found 'https://[::1/hook'); wri"],
    "destination-token-in-plain-text": ["4: destinations[0].url: the token would go in plain text (found 'http://desk"],
    "destination-twice": ["3: destinations[1].name: two destinations of this name (found 'desk'); name them apart"],
    "destination-unknown-kind": ["3: destinations[0].kind: there is no such kind (found 'telepathy'); write one of "],
    "destination-url": ["4: destinations[0].url: not an http or https address (found 'desk.example/hook'); write http"],
    "destination-without-kind": ["2: destinations[0].kind: this key is missing; add kind: webhook"],
    "directory-devices-are-text": ["3: directory[0].devices: expected `array`, got `str` (found 'acme-*'); for exampl"],
    "directory-no-devices": ["3: directory[0].devices: expected `array` of length >= 1 (found []); for example: ['acm"],
    "directory-without-devices": ["2: directory[0].devices: this key is missing; add devices: ['acme-12-*']"],
    "empty-entry": ["2: directory[0]: this is not a section (found None); write its keys below it, indented"],
    "empty-section": ["2: listen: this is not a section (found None); write its keys below it, indented"],
    "broker-files-missing": ["3: broker.files: there is no such directory (found '/nowhere/forewarn'); make it, reada"],
    "broker-pid-file-alone": ["3: broker.pid_file: it serves nothing without broker.files (found '/run/mosquitto/mosq"],
    "enrol-address": ["2: enrol.address: not an IP address (found 'everywhere'); write 0.0.0.0 for every network"],
    "enrol-name-is-no-host": ["2: enrol.names[0]: not a host (found 'https://collector.example.org'); write a DNS nam"],
    "enrol-no-days": ["3: enrol.certificate_days: expected `float` > 0.0 (found 0); for example: 180"],
    "enrol-no-names": ["2: enrol.names: expected `array` of length >= 1 (found []); for example: ['collector.examp"],
    "enrol-server-in-plain-text": ["3: enrol.server: not an MQTT address with TLS (found 'mqtt://127.0.0.1:1883'); wr"],
    "enrol-without-names": ["1: enrol.names: this key is missing; add names: ['collector.example.org']"],
    "enrol-without-server": ["5: enrol.server: no front door of its own is on; write the broker's mqtts://HOST:8883"],
    "half-character": ["1: not YAML: 'utf-8' codec can't encode character '\\ud800'"],
    "journal-broker-without-group": ["1: broker.group: every collector would get every report; name a group, such as"],
    "journal-name": ["6: store.journal.name: expected `str` matching regex '^[a-z0-9][a-z0-9-]{0,62}$' (found 'Coll"],
    "journal-without-state": ["2: store.journal: its collectors have to share their tickets too (found {'url': 'pos"],
    "history-plain-text": ["3: store.history.url: plain text is for loopback only (found 'influxdb://influx.exam"],
    "history-no-database": ["3: store.history.url: it names no database (found 'influxdb://127.0.0.1:8086'); wri"],
    "history-other-store": ["3: store.history.url: not an address of a history store (found 'prometheus://127.0."],
    "history-two-logins": ["6: store.history.token_file: username stands beside it (found '/etc/hostname'); keep"],
    "history-user-alone": ["4: store.history.username: it needs store.history.password_file beside it (found 'fo"],
    "history-no-such-file": ["4: store.history.token_file: there is no such file (found '/nowhere/token'); give "],
    "history-cluster-of-influxdb": ["4: store.history.nodes: only a VictoriaMetrics cluster has it"],
    "key-twice": ["3: api.port: the key 'port' stands here twice; keep one of them"],
    "list-is-a-section": ["1: destinations: this is not a list (found {'name': 'desk'}); begin each entry with a dash"],
    "meanings-at-once": [
        "2: listen.address: plain text is for loopback only (found '0.0.0.0'); use 127.0.0.1, or add enrol",
        "4: api.address: plain text is for loopback only (found '192.168.1.5'); use 127.0.0.1",
        "6: broker.url: plain text is for loopback only (found 'mqtt://broker.example'); write mqtts://HOST:8883",
        "8: destinations[0].url: not an http or https address (found 'x'); write https://HOST/PATH",
        "9: destinations[1].name: two destinations of this name (found 'desk'); name them apart",
        "9: destinations[1].token_file: there is no such file (found '/nowhere/token'); give the path of a readable fi",
        "11: rules.directories[0]: there is no such directory (found '/nowhere/rules'); make it, or remove the line",
    ],
    "nested-too-deeply": ["1: not YAML: it is nested too deeply"],
    "notify-channel-twice": ["4: notify.channels[1].name: two channels of this name (found 'group'); name them apart"],
    "notify-digest": ["7: notify.engineers[0].digest_at: not a time of the day (found '24:30'); write it as 08:30"],
    "notify-engineer-twice": ["6: notify.engineers[1].name: two engineers of this name (found 'Ann'); name them apart"],
    "notify-engineer-without-channel": ["3: notify.engineers[0].channels: this engineer cannot be reached; name a cha"],
    "notify-language": ["6: notify.engineers[0].language: not a language of messages (found 'tlh'); write one of en,"],
    "notify-no-such-channel": ["4: notify.engineers[0].channels[0]: no channel of this name (found 'group'); name one"],
    "notify-no-such-file": ["3: notify.channels[0].url_file: there is no such file (found '/nowhere/wecom.url'); give"],
    "notify-nobody-may-be-told": ["3: notify.channels[0].per_minute: expected `int` >= 1 (found 0); for example: 20"],
    "notify-nothing-is-signed": ["6: notify.channels[0].secret_file: wecom signs nothing (found '/etc/hostname'); rem"],
    "notify-quiet-hours": ["7: notify.engineers[0].quiet_hours: not a time of the day (found 'at night'); write it as"],
    "notify-time-zone": ["7: notify.engineers[0].time_zone: not a time zone (found 'Asia/Atlantis'); write a name suc"],
    "notify-unknown-kind": ["4: notify.channels[0].kind: there is no such kind (found 'pigeon'); write one of dingtal"],
    "no-front-door": ["2: listen.enabled: no front door is left (found False); set it to true, or name a broker"],
    "no-such-date": ["2: not YAML: month must be in 1..12; write it as plain text, in quotes"],
    "nobody-may-come": ["2: listen.connections_per_address: expected `int` >= 1 (found 0); for example: 2000"],
    "nobody-may-speak": ["2: listen.messages_per_second: expected `float` > 0.0 (found 0); for example: 50"],
    "not-a-mapping": ["1: the file is not a mapping of keys to values; begin with listen: or another key"],
    "not-an-address": ["2: listen.address: not an IP address (found '300.1.1.1'); write 127.0.0.1, or 0.0.0.0 for eve"],
    "not-yaml": ["3: not YAML: expected ',' or ']', but got '<stream end>'; mind indentation, quotes and brackets"],
    "packet-too-small": ["2: listen.max_packet_bytes: expected `int` >= 1024 (found 100); for example: 262144"],
    "password-file-missing": ["3: broker.password_file: there is no such file (found '/nowhere/password'); give the p"],
    "ping-in-plain-text": ["2: self_check.ping_url: it would go in plain text; write https://HOST/PATH"],
    "ping-not-an-address": ["2: self_check.ping_url: not an http or https address; write https://HOST/PATH"],
    "ping-twice": [
        "3: self_check.ping_url_file: ping_url stands beside it (found '/etc/hostname'); keep one of them"
    ],
    "ping-file-missing": ["2: self_check.ping_url_file: there is no such file (found '/nowhere/ping.url'); give"],
    "self-check-too-seldom": ["2: self_check.every_seconds: expected `int` <= 3600 (found 86400); for example: 60"],
    "plain-text-beyond-loopback": ["2: listen.address: plain text is for loopback only (found '0.0.0.0'); use 127.0.0"],
    "api-address": ["2: api.address: not an IP address (found 'everywhere'); write 127.0.0.1"],
    "api-certificate-missing": [
        "4: api.tls.certificate: there is no such file (found '/nowhere/api.pem'); give the path",
        "5: api.tls.key: there is no such file (found '/nowhere/api.key'); give the path",
    ],
    "api-too-few-requests": ["2: api.requests_per_minute: expected `int` >= 1 (found 0); for example: 600"],
    "password-instead-of-file": ["3: broker.password_file: there is no such file; give the path of a readable file"],
    "token-instead-of-file": ["5: destinations[0].token_file: there is no such file; give the path of a readable f"],
    "port-is-a-switch": ["2: api.port: expected `int`, got `bool` (found True); for example: 8383"],
    "port-is-text": ["2: listen.port: expected `int`, got `str` (found '1883'); for example: 1883"],
    "budget-below-zero": ["2: tickets.budget_per_1000_devices_a_month: expected `float` >= 0.0 (found -1); for exampl"],
    "port-too-large": ["2: listen.port: expected `int` <= 65535 (found 70000); for example: 1883"],
    "rules-directory-missing": ["3: rules.directories[0]: there is no such directory (found '/nowhere/rules'); make i"],
    "store-keeps-nothing": ["3: store.keep.load_days: expected `float` >= 2.0 (found 0); for example: 60"],
    "section-is-a-list": ["1: listen: this is not a section (found [{'port': 1883}]); write its keys below it, indent"],
    "state-not-postgresql": ["3: store.state.url: not a PostgreSQL address (found 'mysql://...@127.0.0.1/forewarn'); "],
    "state-password-file-missing": ["4: store.state.password_file: there is no such file (found '/nowhere/pw'); give"],
    "state-password-in-query": ["3: store.state.url: a password stands in it; use store.state.password_file"],
    "state-password-in-url": ["3: store.state.url: a password stands in it (found 'postgresql://...@127.0.0.1/forewar"],
    "state-plain-text": ["3: store.state.url: plain text is for loopback only (found 'postgresql://...@db.example/for"],
    "state-without-url": ["2: store.state.url: this key is missing; add url: postgresql://forewarn@db.example:5432/fo"],
    "tab": ["2: not YAML: found character '\\t' that cannot start any token; mind indentation"],
    "tls-file-missing": [
        "4: listen.tls.certificate: there is no such file (found '/nowhere/server.pem'); give the path",
        "5: listen.tls.key: there is no such file (found '/nowhere/server.key'); give the path",
        "6: listen.tls.client_ca: there is no such file (found '/nowhere/ca.pem'); give the path",
    ],
    "tls-key-missing": ["2: listen.tls.key: this key is missing; add key: server.key"],
    "token-file-missing": ["5: destinations[0].token_file: there is no such file (found '/nowhere/token'); give the p"],
    "two-documents": ["2: not YAML: but found another document"],
    "types-at-once": [
        "1: data: expected `str | null`, got `int` (found 5); for example: /var/lib/forewarn",
        "3: listen.prot: unknown key; did you mean port?",
        "4: listen.port: expected `int`, got `str` (found 'many'); for example: 1883",
        "6: api.port: expected `int` >= 0 (found -1); for example: 8383",
        "9: destinations[0].kind: expected `str`, got `int` (found 5); for example: webhook",
        "11: colour: unknown key; known here: data, listen, api, enrol, broker, store, rules, tickets, self_check, de",
    ],
    "unknown-key": ["1: listn: unknown key; did you mean listen?"],
    "unknown-key-below": ["2: listen.prot: unknown key; did you mean port?"],
    "unknown-key-unlike": [
        "1: colour: unknown key; "
        "known here: data, listen, api, enrol, broker, store, rules, tickets, self_check"
    ],
}  # fmt: skip


def test_every_file_has_its_message() -> None:
    assert sorted(MESSAGES) == sorted(path.stem for path in BAD.iterdir())


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_mistake_is_named_with_its_line_its_path_its_value_and_what_would_be_right(name: str) -> None:
    path = BAD / f"{name}.yaml"
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    lines = str(refused.value).splitlines()
    assert len(lines) == len(MESSAGES[name]), lines
    for line, expected in zip(lines, MESSAGES[name], strict=True):
        assert line.startswith(f"{path}:{expected}"), line


def test_no_file_is_no_mistake() -> None:
    assert load_config(None) == Config()


@pytest.mark.parametrize(
    "text", ["", "# everything is commented out\n", "---\n", "listen: {}\nbroker:\ndestinations: []\n"]
)
def test_an_empty_file_takes_the_defaults(tmp_path: Path, text: str) -> None:
    (tmp_path / "collector.yaml").write_text(text)
    assert load_config(tmp_path / "collector.yaml") == Config()


def test_a_full_file_is_taken(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("abc")
    tree = {
        "data": str(tmp_path),
        "listen": {"address": "::1", "port": 0, "max_packet_bytes": 4096},
        "api": {"address": "localhost", "port": 8000},
        "broker": {"url": "mqtts://broker.example:8883", "group": "two", "password_file": str(token)},
        "rules": {"directories": [str(tmp_path)]},
        "destinations": [
            {"name": "desk", "kind": "webhook", "url": "https://desk.example/", "token_file": str(token)},
            {"name": "here", "kind": "webhook", "url": "http://127.0.0.1:9/", "token_file": str(token)},
        ],
        "directory": [{"customer": "Acme", "site": "1", "engineer": "Li", "devices": ["a-*", "b"]}],
    }
    path = tmp_path / "collector.yaml"
    path.write_text(yaml.safe_dump(tree))
    config = load_config(path)
    assert (config.data, config.listen.address, config.api.port) == (str(tmp_path), "::1", 8000)
    assert config.broker is not None
    assert (config.broker.group, config.broker.client_id) == ("two", "collector")
    assert [entry.name for entry in config.destinations] == ["desk", "here"]
    assert config.directory[0].devices == ["a-*", "b"]


@pytest.mark.parametrize(("path", "said"), [("nope.yaml", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read(tmp_path: Path, path: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot be read: {said}"):
        load_config(tmp_path / path)


@given(
    st.binary(max_size=200) | st.text(alphabet="listenapdt:[]{}-\n \"'&*!|>#%@`,?0.\\u", max_size=120).map(str.encode)
)
@settings(max_examples=300, deadline=None)
def test_whatever_stands_in_it_is_taken_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    try:
        assert isinstance(load_config(path), Config)
    except ConfigError as error:
        for line in str(error).splitlines():
            assert re.match(re.escape(str(path)) + r":\d+: .+; .+", line), line


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.1", False), ("example.org", False), ("", False), ("::ffff:10.0.0.1", False)],
)  # fmt: skip
def test_what_is_loopback(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


# The command: one clear line (or one per mistake), exit code 1, no traceback, and nothing left behind.


def forewarn_up(*words: str, prefix: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
    command = [*prefix, sys.executable, "-m", "forewarn_collector", "up", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def refused(found: "subprocess.CompletedProcess[str]") -> list[str]:
    assert found.returncode == 1, found
    assert found.stdout == ""
    assert "Traceback" not in found.stderr
    return found.stderr.splitlines()


@pytest.mark.parametrize(
    "name", ["types-at-once", "meanings-at-once", "plain-text-beyond-loopback", "control-character"]
)
def test_a_bad_file_is_refused_by_the_command_before_anything_is_made(tmp_path: Path, name: str) -> None:
    path = BAD / f"{name}.yaml"
    lines = refused(forewarn_up("--config", str(path), "--data", str(tmp_path / "data")))
    assert [line.removeprefix("Error: ") for line in lines] == str(config_error(path)).splitlines()
    assert list(tmp_path.iterdir()) == []


def config_error(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as found:
        load_config(path)
    return found.value


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize("which", ["mqtt", "api"])
def test_a_port_that_is_taken(tmp_path: Path, taken: int, which: str) -> None:
    ports = {"mqtt": "0", "api": "0", which: str(taken)}
    words = ["--data", str(tmp_path / "data"), "--mqtt-port", ports["mqtt"], "--api-port", ports["api"]]
    (line,) = refused(forewarn_up(*words))
    key = {"mqtt": "listen.port", "api": "api.port"}[which]
    assert line == (
        f"Error: cannot listen on 127.0.0.1:{taken}: Address already in use; "
        f"stop what uses it, or set {key} to another one (0 takes any)"
    )
    assert not (tmp_path / "data" / "api.json").exists()


def test_an_address_of_another_machine(tmp_path: Path) -> None:
    config = Config(listen=Listen(address="192.0.2.1", port=0), api=Api(port=0))
    collector = Collector(config, tmp_path / "data")

    with pytest.raises(
        StartError, match=r"cannot listen on 192\.0\.2\.1:0: .*; set listen\.address to an address of this"
    ):
        asyncio.run(collector.start())
    asyncio.run(collector.stop())


def test_a_second_collector_on_the_same_data(tmp_path: Path) -> None:
    first = Collector(Config(listen=Listen(port=0), api=Api(port=0)), tmp_path / "data")
    try:
        (line,) = refused(forewarn_up("--data", str(tmp_path / "data"), "--mqtt-port", "0", "--api-port", "0"))
        assert line == (
            f"Error: {tmp_path / 'data'}: another collector (process {os.getpid()}) uses this directory; "
            "stop it or name another directory"
        )
    finally:
        first.journal.close()


def test_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    config = tmp_path / "collector.yaml"
    for data, said in ((tmp_path / "file", "it is not a directory"), (tmp_path / "file" / "below", "Not a directory")):
        config.write_text(yaml.safe_dump({"data": str(data)}))
        (line,) = refused(forewarn_up("--config", str(config)))
        assert line == f"Error: {data}: {said}; name a data directory that this user may write"
    assert (tmp_path / "file").read_text() == "precious"
    found = forewarn_up("--data", str(tmp_path / "file"))
    assert (found.returncode, "Traceback" in found.stderr, "is a file" in found.stderr) == (2, False, True)


def test_a_data_directory_that_may_not_be_written(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o555)
    prefix: list[str] = []
    if os.geteuid() == 0:  # root writes everywhere, unless it lets go of the right to
        os.chown(mine, 65534, 65534)
        without = "-dac_override,-dac_read_search"
        prefix = ["setpriv", f"--bounding-set={without}", f"--inh-caps={without}", "--"]
    for data in (mine, mine / "below"):
        found = forewarn_up("--data", str(data), "--mqtt-port", "0", "--api-port", "0", prefix=prefix)
        (line,) = refused(found)
        assert line.startswith(f"Error: {data}: Permission denied; name a ")
        assert line.endswith("directory that this user may write")


@pytest.mark.parametrize("file", ["state.db", "journal.db"])
def test_a_database_that_is_garbage(tmp_path: Path, file: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / file).write_bytes(b"this is no database, " * 500)
    (line,) = refused(forewarn_up("--data", str(data), "--mqtt-port", "0", "--api-port", "0"))
    assert f"{data / file}: file is not a database" in line
    assert "backup" in line
    assert (data / file).read_bytes() == b"this is no database, " * 500


@pytest.mark.parametrize("content", ["", " \n", "two words", "ünïcode", "tab\there"])
def test_a_token_file_that_holds_no_token(tmp_path: Path, content: str) -> None:
    token = tmp_path / "token"
    token.write_text(content)
    entry = DestinationEntry(name="desk", kind="webhook", url="https://desk.example/", token_file=str(token))
    with pytest.raises(StartError) as found:
        Collector(Config(destinations=[entry]), tmp_path / "data")
    assert str(found.value) == f"{token}: holds no token; it must hold the token and nothing else"
    assert not (tmp_path / "data").exists()


def test_files_that_are_not_what_they_should_be_are_found_before_anything_is_made(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_bytes(b"\xff\xfe no certificate")
    junk.chmod(0o600)
    tls = {"certificate": str(junk), "key": str(junk), "client_ca": str(junk)}
    trees: list[dict[str, Any]] = [
        {"listen": {"tls": tls}},
        {"broker": {"url": "mqtts://broker.example", "password_file": str(junk)}},
        {"destinations": [{"name": "a", "kind": "webhook", "url": "https://a.example", "token_file": str(junk)}]},
    ]
    config = tmp_path / "collector.yaml"
    for tree in trees:
        config.write_text(yaml.safe_dump(tree))
        (line,) = refused(forewarn_up("--config", str(config), "--data", str(tmp_path / "data")))
        assert not (tmp_path / "data").exists(), line


def test_a_database_error_leaves_the_directory_free(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        Collector(Config(listen=Listen(port=0), api=Api(port=0)), tmp_path)
    (tmp_path / "state.db").unlink()
    Collector(Config(listen=Listen(port=0), api=Api(port=0)), tmp_path).journal.close()
