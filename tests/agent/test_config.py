from pathlib import Path

import pytest

from forewarn_agent.config import ConfigError, load_config, parse_config
from forewarn_agent.config_keys import device_name_of
from forewarn_agent.probes import PROBES
from forewarn_agent.settings import SelfTests
from forewarn_agent.units import duration_text, parse_duration, parse_size

BAD = sorted((Path(__file__).parent.parent / "data" / "agent" / "bad-config").glob("*.yaml"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_each_mistake_has_its_own_message(path: Path) -> None:
    expected = path.read_text().splitlines()[0].removeprefix("# expect: ")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert expected in str(caught.value)
    assert len(caught.value.problems) == 1
    assert str(path) in str(caught.value)


def test_all_mistakes_are_named_at_once() -> None:
    text = "load_interval: soon\nserver: ftp://x\nspeed: 9\nprobes: {smart: maybe}\n"
    with pytest.raises(ConfigError) as caught:
        parse_config("agent.yaml", text)
    assert {problem.path for problem in caught.value.problems} == {"load_interval", "server", "speed", "probes.smart"}
    assert len(str(caught.value).splitlines()) == 4


@pytest.mark.parametrize("off", ["", "smart_force_after: off", "self_tests: {short: off, extended: 'off'}"])
def test_what_touches_a_disk_is_off_unless_it_is_set(off: str) -> None:
    config = parse_config("agent.yaml", f"device: shop-07\n{off}")
    assert (config.smart_force_after, config.self_tests) == (None, SelfTests())
    on = parse_config("agent.yaml", "smart_force_after: 48\nself_tests: {short: 7d, extended: 30d}\ndevice: shop-07")
    assert (on.smart_force_after, on.self_tests) == (48, SelfTests(7 * 86400.0, 30 * 86400.0))


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="must not hold a user") as caught:
        parse_config("agent.yaml", "server: mqtt://me:secret@127.0.0.1\n")
    assert "secret" not in str(caught.value)


def test_defaults_serve_without_a_file() -> None:
    config = parse_config("defaults", "device: shop-07\n")
    assert str(config.server) == "mqtt://127.0.0.1:1883"
    assert (config.load_interval, config.smart_interval, config.smartctl_timeout) == (60, 1800, 30)
    assert config.probes == {probe.name for probe in PROBES}, "every probe is on"
    assert config.roots.proc == Path("/proc")
    assert config.reconnect_spread == 2


def test_a_whole_file(tmp_path: Path) -> None:
    for name in ("ca.crt", "device.crt", "device.key"):
        (tmp_path / name).touch()
    config = parse_config(
        "agent.yaml",
        f"""
        device: shop-07
        server: mqtts://collector.example.org
        tls: {{ca: {tmp_path}/ca.crt, certificate: {tmp_path}/device.crt, key: {tmp_path}/device.key}}
        data: {tmp_path}/data
        load_interval: 90s
        smart_interval: 12h
        probes: {{temperature: off}}
        smartctl: /opt/smartctl
        smartctl_timeout: 5
        filesystems: {{exclude_mounts: [/boot/efi]}}
        outbox: {{max_bytes: 1M, max_age: 7d}}
        """,
    )
    assert (config.server.host, config.server.port, config.server.tls) == ("collector.example.org", 8883, True)
    assert config.tls.key == tmp_path / "device.key"
    assert (config.load_interval, config.smart_interval) == (90, 43200)
    assert "temperature" not in config.probes
    assert config.filesystems.exclude_mounts == {"/boot/efi"}
    assert (config.outbox.max_bytes, config.outbox.max_age) == (1024**2, 7 * 86400)
    assert config.reconnect_spread == 60


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "localhost", "[::1]"])
def test_plain_text_is_allowed_on_loopback(host: str) -> None:
    assert parse_config("agent.yaml", f"device: a\nserver: 'mqtt://{host}:1884'\n").server.port == 1884


@pytest.mark.parametrize("host", ["10.0.0.1", "128.0.0.1", "localhost.example.org", "[2001:db8::1]"])
def test_plain_text_is_refused_elsewhere(host: str) -> None:
    with pytest.raises(ConfigError, match="loopback only"):
        parse_config("agent.yaml", f"device: a\nserver: 'mqtt://{host}:1883'\n")


@pytest.mark.parametrize(
    ("hostname", "device"),
    [("Shop_07.example.org", "shop-07"), ("PC-ÄRZTE-1", "pc-rzte-1"), ("host", "host"), ("x" * 80, "x" * 63)],
)
def test_a_host_name_becomes_a_device_name(hostname: str, device: str) -> None:
    assert device_name_of(hostname) == device


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("12h", 43200), ("30d", 2592000), (0.5, 0.5)])
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert parse_duration(duration_text(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "10", "10 weeks", "-5s", -5, float("nan"), float("inf"), None, [], True])
def test_no_durations(text: object) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)


@pytest.mark.parametrize(("text", "size"), [("64M", 64 * 1024**2), ("1GiB", 1024**3), ("20kb", 20480), (16384, 16384)])
def test_sizes(text: object, size: int) -> None:
    assert parse_size(text) == size
