"""Secrets are planted wherever one may stand, everything that the collector says is collected, and none is in it."""

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest
import yaml
from click.testing import CliRunner
from paho.mqtt.enums import CallbackAPIVersion

from forewarn_collector.cli.main import forewarn
from forewarn_collector.config_file import ConfigError, load_config
from forewarn_wire import Attribute, Disk, Outcome, SmartReport, encode, up_topic

V1 = "/api/v1"
TOKEN, BROKER, IN_URL, PASSWORD, PING, DESK, HOOK, ROBOT, SIGNING = (
    f"planted-{name}-s3cr3t" for name in ("token", "broker", "url", "word", "ping", "rt", "hook", "robot", "sign")
)
ASKED = ("status", "devices", "tickets --state all", "watch", "deadletters", "deliveries", "user list", "token list",
         "audit", "whoami", "metrics", "destination list", "notify log", "maintenance list", "directory show",
         "engineer Ann", "ticket show 1")  # fmt: skip


def secret_file(path: Path, text: str) -> str:
    path.write_text(text + "\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A broker, a destination and a ping that answer nobody: every one of them fails and says so."""
    path = tmp_path / "collector.yaml"
    settings = {
        "broker": {
            "url": "mqtt://127.0.0.1:9", "username": "collector",
            "password_file": secret_file(tmp_path / "broker.password", BROKER),
        },
        "destinations": [
            {"name": "desk", "kind": "webhook", "url": f"http://user:{IN_URL}@127.0.0.1:9/hook",
             "token_file": secret_file(tmp_path / "desk.token", TOKEN)},
            {"name": "rt", "kind": "rt", "url": "http://127.0.0.1:9", "queues": {"default": "Faults"},
             "token_file": secret_file(tmp_path / "rt.token", DESK),
             "hook_secret_file": secret_file(tmp_path / "hook.secret", HOOK)},
        ],
        "notify": {
            "gather_seconds": 0,
            "channels": [
                {"name": "group", "kind": "dingtalk",
                 "url_file": secret_file(tmp_path / "group.url", f"http://127.0.0.1:9/robot/send?access_token={ROBOT}"),
                 "secret_file": secret_file(tmp_path / "group.key", SIGNING)},
                {"name": "phone", "kind": "apprise",
                 "url_file": secret_file(tmp_path / "phone.url", f"json://user:{ROBOT}@127.0.0.1:9/")},
            ],
            "engineers": [{"name": "Ann", "channels": ["group", "phone"]}],
        },
        "directory": [{"customer": "Acme", "engineer": "Ann", "devices": ["*"]}],
        "self_check": {"every_seconds": 1,
                       "ping_url_file": secret_file(tmp_path / "ping", f"http://127.0.0.1:9/{PING}")},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(settings))
    return str(path)


def report_a_failing_disk(port: int) -> None:
    """A ticket follows, and a delivery that fails."""
    disk = Disk(slot="/dev/sda", kind="hdd", serial="S1", model="ST4000")
    message = SmartReport(
        device="shop-07", boot="b", seq=1, sampled_at=time.time(), disk=disk, outcome=Outcome.MEASURED, passed=False,
        attributes=[Attribute(197, 100, 100, 0, 40)],
    )  # fmt: skip
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "shop-07", protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish(up_topic("shop-07", "smart"), encode(message), qos=1).wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


@pytest.mark.slow
def test_no_planted_secret_is_said_anywhere(
    make_collector: Callable[..., Any], config: str, wait_for: Callable[..., Any]
) -> None:
    collector = make_collector("--config", config)
    local = json.loads((collector.data / "api.json").read_text())["token"]
    said: list[str] = []

    def ask(method: str, path: str, body: Any = None, token: str = local) -> Any:
        answer = httpx.request(
            method, collector.api_url + path, json=body, headers={"Authorization": f"Bearer {token}"},
            trust_env=False, timeout=60,
        )  # fmt: skip
        said.append(f"{answer.text}{answer.headers}" if "token" not in path and "login" not in path else "")
        return answer

    ask("POST", f"{V1}/users", {"name": "ann", "role": "admin"})
    ask("POST", f"{V1}/users/ann/password", {"password": PASSWORD})
    login = ask("POST", f"{V1}/login", {"user": "ann", "password": PASSWORD}).json()["token"]
    api = ask("POST", f"{V1}/tokens", {"note": "program"}, login).json()["token"]
    ask("POST", f"{V1}/login", {"user": PASSWORD, "password": "ann"})
    ask("POST", f"{V1}/users/ann/password", {"password": PASSWORD, "surplus": 5})
    ask("GET", f"{V1}/devices?token={api}", token=api)
    ask("GET", f"{V1}/devices/{api}", token=api)
    report_a_failing_disk(collector.mqtt_port)
    wait_for(lambda: len([one for one in ask("GET", f"{V1}/deliveries").json() if one["tries"]]) > 1, 60)
    assert ask("POST", "/hooks/rt", {"ticket": 1}).status_code in (401, 403)
    ask("POST", f"{V1}/destinations/rt/test")
    assert ask("POST", f"{V1}/notifications/test", {"engineer": "Ann", "actor": "ann"}).is_success
    wait_for(lambda: all(one["last_error"] for one in ask("GET", f"{V1}/notifications").json()), 60)
    assert {one["channel"] for one in ask("GET", f"{V1}/notifications").json()} == {"group", "phone"}
    for path in (
        "/status",
        "/destinations",
        "/deliveries",
        "/audit",
        "/users",
        "/dead-letters",
        "/schema/openapi.json",
    ):
        ask("GET", V1 + path)
    ask("GET", f"{V1}/schema/openapi.json")
    ask("GET", "/metrics")
    for words in ASKED:
        for more in ([], ["--json"]):
            done = CliRunner().invoke(forewarn, ["--data", str(collector.data), *words.split(), *more])
            assert done.exit_code == 0, (words, done.output)
            said.append(done.output)
    collector.stop()
    said.append(collector.said())
    with sqlite3.connect(collector.data / "state.db") as db:
        said += [str(row) for row in db.execute("SELECT * FROM audit")]
    text = "\n".join(said)
    assert "s3cr3t" not in text
    for secret in (local, login, api):
        part = secret[-20:]
        # The path that was asked for is repeated to who asked, and to nobody else.
        assert part not in text.replace(f"no device {api!r} has reported", ""), part[:3]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"broker": {"url": f"mqtts://user:{IN_URL}@broker.example"}}, "a password stands in it"),
        ({"broker": {"url": f"http://user:{IN_URL}@broker.example"}}, "not an MQTT address"),
        ({"destinations": [{"name": "x", "kind": "webhook", "url": f"ftp://u:{IN_URL}@h/"}]}, "not an http"),
        ({"broker": {"url": "mqtts://broker.example", "password": IN_URL}}, "unknown key"),
    ],
)
def test_a_mistake_in_a_configuration_repeats_no_secret(tmp_path: Path, written: dict[str, Any], said: str) -> None:
    path = tmp_path / "collector.yaml"
    path.write_text(yaml.safe_dump(written))
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert said in str(error.value)
    assert IN_URL not in str(error.value)


def test_an_address_with_a_password_is_refused_without_repeating_it() -> None:
    done = CliRunner().invoke(forewarn, ["--server", f"https://user:{IN_URL}@collector.example", "status"])
    assert done.exit_code == 1
    assert IN_URL not in done.output
    assert "--token-file" in done.output


def test_a_secret_that_everybody_may_read_is_warned_of(
    make_collector: Callable[..., Any], config: str, tmp_path: Path
) -> None:
    (tmp_path / "desk.token").chmod(0o644)
    collector = make_collector("--config", config)
    assert f"put it right with: chmod o-rwx {tmp_path / 'desk.token'}" in collector.said()
    assert "broker.password" not in collector.said()
