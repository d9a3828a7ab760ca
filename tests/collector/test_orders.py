"""The way down, through both front doors, to a real agent: told, answered once, refused, expired; nothing else."""

import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import mqtt5
import pytest
from click.testing import CliRunner

from forewarn_collector.cli.main import forewarn
from forewarn_collector.config import Api, Broker, Config, Listen
from forewarn_collector.orders.decide import is_due
from forewarn_collector.orders.model import COMMAND, Order, OrderError
from forewarn_collector.orders.settings import checked
from forewarn_collector.store.model import Session
from forewarn_wire import Command, CommandOrder, ConfigOrder, Setting, decode_order, encode

DEVICE = "shop-07"
PATIENCE = 60.0


class Fleet:
    """A collector in this process, an agent that speaks to it through one of the front doors, the command line."""

    def __init__(self, running: Any, agent: Any, wait_for: Callable[..., Any]) -> None:
        self.running = running
        self.agent = agent
        self.wait_for = wait_for

    def run(self, *arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(forewarn, ["--data", str(self.running.data), *arguments])
        return done.exit_code, done.stdout, done.stderr

    def ask(self, *arguments: str, code: int = 0) -> Any:
        exit_code, stdout, stderr = self.run(*arguments, "--json")
        assert exit_code == code, (stdout, stderr)
        return json.loads(stdout) if stdout else stderr

    def until_here(self, here: bool = True) -> None:
        def is_here() -> bool:
            row = self.running.reader.device(DEVICE)
            return bool(row and row.online) is here

        self.wait_for(is_here, PATIENCE)


@pytest.fixture(params=["listener", pytest.param("broker", marks=pytest.mark.server)])
def fleet(
    request: pytest.FixtureRequest,
    make_running: Callable[..., Any],
    make_agent: Callable[..., Any],
    wait_for: Callable[..., Any],
) -> Fleet:
    if request.param == "listener":
        running = make_running()
        port = running.port
    else:
        port = request.getfixturevalue("mosquitto").port
        broker = Broker(url=f"mqtt://127.0.0.1:{port}")
        running = make_running(Config(listen=Listen(port=0), api=Api(port=0), broker=broker))
    fleet = Fleet(running, make_agent(port, smart_interval="10m"), wait_for)
    fleet.until_here()
    return fleet


@pytest.mark.both_stores
def test_a_device_is_told_and_answers(fleet: Fleet, tmp_path: Path) -> None:
    done = fleet.ask("order", "probe-now", DEVICE, "--by", "anna")
    assert (done["state"], done["actor"], done["name"]) == ("done", "anna", "probe-now")
    assert "reading now" in done["text"]
    refused = fleet.ask("order", "self-test", DEVICE, "/dev/none", code=1)
    assert refused["state"] == "refused"
    assert refused["text"]

    bundle = tmp_path / "bundle.tar.gz"
    view = fleet.ask("order", "support-bundle", DEVICE, "--out", str(bundle))
    with tarfile.open(bundle) as archive:
        assert archive.getnames()
    again = tmp_path / "again.tar.gz"
    fleet.ask("order", "fetch", view["id"], str(again))
    assert again.read_bytes() == bundle.read_bytes()

    listed = [(order["name"], order["state"]) for order in fleet.ask("order", "list", DEVICE)]
    assert listed == [("support-bundle", "done"), ("self-test", "refused"), ("probe-now", "done")]
    assert "reading now" in " ".join(fleet.run("order", "list")[1].split())
    assert "no report of shop-07 is missing" in fleet.ask("order", "resend", DEVICE, code=1)
    assert not fleet.running.collector.health().troubles


@pytest.mark.both_stores
def test_settings_hold_and_the_machines_own_file_wins(fleet: Fleet) -> None:
    assert "cannot be set from afar" in fleet.ask("settings", "set", DEVICE, "server", "mqtt://x", code=1)
    assert "must be between" in fleet.ask("settings", "set", DEVICE, "outbox.keep", "90d", code=1)
    assert "is not set on" in fleet.ask("settings", "unset", DEVICE, "outbox.keep", code=1)
    own = fleet.ask("settings", "set", DEVICE, "smart_interval", "1h", code=1)
    assert [(item["key"], item["state"]) for item in own["settings"]] == [("smart_interval", "refused")]
    assert "own configuration file" in own["settings"][0]["reason"]
    both = fleet.ask("settings", "set", DEVICE, "probes.network", "off")
    states = {item["key"]: item["state"] for item in both["settings"]}
    assert states == {"probes.network": "holds", "smart_interval": "refused"}
    shown = " ".join(fleet.run("settings", "show", DEVICE)[1].split())
    assert "refused" in shown
    assert "off" in shown
    left = fleet.ask("settings", "unset", DEVICE, "smart_interval")
    assert [item["key"] for item in left["settings"]] == ["probes.network"]

    # An agent that has lost its memory is told again, without anybody's doing.
    fleet.agent.stop()
    fleet.until_here(False)
    for file in fleet.agent.data.iterdir():
        file.unlink()
    fleet.agent.start()

    def answers() -> int:
        orders = [fleet.ask("settings", "show", DEVICE)["order"]["id"]]
        replies = fleet.running.reader.replies_after(0, 1000)
        return sum(reply.in_reply_to in orders for reply in replies)

    fleet.wait_for(lambda: answers() == 2, PATIENCE)


def test_a_device_that_is_away_is_told_when_it_comes_and_an_old_order_is_given_up(fleet: Fleet) -> None:
    fleet.agent.stop()
    fleet.until_here(False)
    late = fleet.ask("order", "probe-now", DEVICE, "--no-wait")
    assert late["state"] == "waiting"
    old = fleet.ask("order", "probe-now", DEVICE, "--expires", "10s", "--timeout", "60s", code=1)
    assert (old["state"], old["text"]) == ("expired", "the device was not there in time")
    fleet.agent.start()
    fleet.wait_for(lambda: fleet.running.collector.orders.order(late["id"]).state == "done", PATIENCE)
    assert fleet.running.collector.orders.order(old["id"]).state == "expired"
    assert fleet.agent.said().count("command probe-now") == 1


@pytest.mark.both_stores
def test_nothing_else_can_be_asked_for(
    make_running: Callable[..., Any], make_device: Callable[..., Any], status_payload: Callable[..., bytes]
) -> None:
    running = make_running()
    device = make_device(running.port, DEVICE)
    device.connect()
    assert device.publish(f"forewarn/v1/{DEVICE}/up/status", status_payload()).reason_code == 0
    url, token = running.collector.api_url, json.loads((running.data / "api.json").read_text())["token"]
    client = httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False)

    def ask(name: str, **body: object) -> tuple[int, str]:
        answer = client.post(f"{url}/api/v1/devices/{name}/orders", json={"actor": "anna"} | body)
        return answer.status_code, answer.json().get("detail", "")

    status, detail = ask(DEVICE, command="run", disk="rm -rf /")
    assert (status, "there is no command 'run'; known are probe-now" in detail) == (409, True)
    assert ask("shop-99", command="probe-now")[0] == 404
    assert ask(DEVICE, command="probe-now", disk="/dev/sda")[0] == 409
    assert ask(DEVICE, command="self-test")[0] == 409
    assert ask(DEVICE, command="probe-now", argv=["sh"])[0] == 400
    assert ask(DEVICE, command="probe-now", expires_seconds=1e9)[0] == 400
    assert client.get(f"{url}/api/v1/orders").json() == []
    for _ in range(10):
        assert ask(DEVICE, command="probe-now")[0] == 200
    status, detail = ask(DEVICE, command="probe-now")
    assert (status, "wait already" in detail) == (409, True)


@pytest.mark.both_stores
def test_a_device_gets_what_it_listens_to_and_no_more_than_it_takes(
    make_running: Callable[..., Any], make_device: Callable[..., Any], wait_for: Callable[..., Any]
) -> None:
    running = make_running()
    listener = running.collector.listener
    device = make_device(running.port, DEVICE)
    device.connect(receive_max=2, max_packet_size=400)
    payload = encode(ConfigOrder(id="c1", settings={"load_interval": 60}))
    assert not listener.send(DEVICE, "config", payload), "it does not listen yet"
    assert not listener.send("shop-99", "config", payload)
    topic = mqtt5.TopicFilter(f"forewarn/v1/{DEVICE}/down/config", max_qos=mqtt5.QoS.AT_LEAST_ONCE)
    device.send(mqtt5.SubscribePacket(1, [topic]))
    device.receive()
    assert not listener.send(DEVICE, "command", payload)
    assert not listener.send(DEVICE, "config", payload + b" " * 400), "larger than it takes"
    assert [listener.send(DEVICE, "config", payload) for _ in range(3)] == [True, True, False]
    first, second = device.receive(), device.receive()
    assert (first.topic, first.payload, first.qos) == (f"forewarn/v1/{DEVICE}/down/config", payload, 1)
    device.send(mqtt5.PubAckPacket(first.packet_id))
    wait_for(lambda: listener.send(DEVICE, "config", payload), 10)
    assert device.receive().packet_id != second.packet_id
    device.send(mqtt5.PubAckPacket(second.packet_id), mqtt5.UnsubscribePacket(2, [f"forewarn/v1/{DEVICE}/down/config"]))
    device.receive()
    assert not listener.send(DEVICE, "config", payload)


@pytest.mark.both_stores
def test_an_answer_of_another_device_changes_nothing(
    make_running: Callable[..., Any],
    make_device: Callable[..., Any],
    status_payload: Callable[..., bytes],
    wait_for: Callable[..., Any],
) -> None:
    running = make_running()
    devices = {name: make_device(running.port, name) for name in (DEVICE, "shop-08")}
    for name, device in devices.items():
        device.connect()
        assert device.publish(f"forewarn/v1/{name}/up/status", status_payload(name)).reason_code == 0
    order = running.collector.orders._book.add_command(
        DEVICE, CommandOrder(id="c1", command=Command.PROBE_NOW, expires_at=time.time() + 600), "anna", time.time()
    )

    def reply(name: str, seq: int, answer: str) -> None:
        body = {"schema": 1, "device": name, "boot": "b1", "seq": seq, "sampled_at": time.time()}
        body |= {"in_reply_to": order.id, "answer": answer, "text": f"from {name}"}
        assert devices[name].publish(f"forewarn/v1/{name}/up/reply", json.dumps(body).encode()).reason_code == 0

    orders = running.collector.orders
    reply("shop-08", 1, "done")
    wait_for(lambda: running.collector.dispatch.replies_read == 1, PATIENCE)
    assert orders.order("c1").state in ("waiting", "sent")
    reply(DEVICE, 1, "failed")
    reply(DEVICE, 2, "done")
    wait_for(lambda: running.collector.dispatch.replies_read == 3, PATIENCE)
    view = orders.order("c1")
    assert (view.state, view.text) == ("failed", f"from {DEVICE}"), "the first answer counts"


ORDER = Order(1, "c1", DEVICE, COMMAND, "probe-now", b"", "anna", 0.0, 900.0, "waiting", 0, None, None, None, "", None)
HERE = Session(True, 5, 0.0)


@pytest.mark.parametrize(
    ("order", "session", "now", "expected"),
    [
        (ORDER, None, 0, False),
        (ORDER, Session(False, 5, 0.0), 0, False),
        (ORDER, HERE, 0, True),
        (ORDER._replace(sent_at=10.0, sent_session=5, tries=1), HERE, 39, False),
        (ORDER._replace(sent_at=10.0, sent_session=5, tries=1), HERE, 40, True),
        (ORDER._replace(sent_at=10.0, sent_session=5, tries=3), HERE, 129, False),
        (ORDER._replace(sent_at=10.0, sent_session=4, tries=3), HERE, 11, True),
    ],
)
def test_when_an_order_is_sent(order: Order, session: Session | None, now: float, expected: bool) -> None:
    assert is_due(order, session, now) is expected


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("load_interval", "1m30s", 90.0),
        ("load_interval", 60, 60.0),
        ("self_tests.short", "off", "off"),
        ("probes.smart", "on", True),
        ("probes.smart", False, False),
        ("filesystems.exclude_mounts", "/mnt, /srv/backup", ["/mnt", "/srv/backup"]),
    ],
)
def test_a_setting_is_sent_as_the_agent_reads_it(key: str, value: Setting, expected: Setting) -> None:
    assert checked(key, value) == expected
    order = ConfigOrder(id="c1", settings={key: checked(key, value)})
    assert decode_order("config", encode(order)) == order


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("smartctl", "/tmp/evil"), ("server", "mqtt://x"), ("probes.", True), ("probes.a;b", True),
        ("load_interval", "9s"), ("load_interval", True),
        ("load_interval", "soon"), ("load_interval", float("nan")), ("outbox.keep", "off"),
        ("probes.smart", "maybe"), ("probes.smart", 1), ("filesystems.exclude_mounts", 5),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_refused(key: str, value: Setting) -> None:
    with pytest.raises(OrderError, match=key.split(".")[0]):
        checked(key, value)
