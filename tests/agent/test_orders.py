"""What a server may ask of an agent, and what it may not."""

import io
import json
import logging
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from forewarn_agent.bundle import make_bundle
from forewarn_agent.config import parse_config
from forewarn_agent.log_tail import LogTail
from forewarn_agent.orders import PIECE_BYTES, Actions, Orders, Refused, kept_order
from forewarn_agent.outbox import Outbox
from forewarn_agent.remote_settings import REMOTE, Applied, apply_settings
from forewarn_agent.settings import OutboxLimits
from forewarn_wire import (
    Answer,
    CommandOrder,
    ConfigOrder,
    LoadReport,
    ReplyReport,
    StatusReport,
    decode,
    down_topic,
    encode,
    parse_topic,
)

NOW = 1_800_000_000.0
BASE = parse_config("test", "device: shop-07\nsmart_interval: 1h\nprobes: {memory: false}\n")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox(tmp_path / "outbox.db", "shop-07", OutboxLimits(2**20, 1e9))
    yield outbox
    outbox.close()


class Done:
    """Remembers what was asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, object]] = []

    def configure(self, settings: Any) -> Applied:
        self.calls.append(("configure", dict(settings)))
        return apply_settings(BASE, settings)

    def probe_now(self) -> str:
        self.calls.append(("probe-now", None))
        return "reading now"

    def self_test(self, disk: str) -> str:
        self.calls.append(("self-test", disk))
        if disk == "asleep":
            raise Refused("the disk is asleep")
        raise OSError("smartctl is broken")

    def support_bundle(self) -> bytes:
        return b"x" * (PIECE_BYTES + 1)

    def resend(self, boot: str, _sequences: Any) -> list[tuple[int, int]]:
        return [(3, 4)] if boot == "b1" else []

    @property
    def actions(self) -> Actions:
        return Actions(self.configure, self.probe_now, self.self_test, self.support_bundle, self.resend)


def replies(outbox: Outbox) -> list[ReplyReport]:
    messages = [decode(parcel.kind, parcel.payload) for parcel in outbox.peek(0, 1000)]
    return [message for message in messages if isinstance(message, ReplyReport)]


def command(name: str, id_: str = "c1", expires_at: float = NOW + 60, **more: Any) -> CommandOrder:
    return CommandOrder(id=id_, command=name, expires_at=expires_at, **more)


@pytest.mark.parametrize(
    ("order", "answer", "text"),
    [
        (command("probe-now"), Answer.DONE, "reading now"),
        (command("probe-now", expires_at=NOW - 5), Answer.EXPIRED, "it came 5 s too late by this machine's clock"),
        (command("self-test", disk="asleep"), Answer.REFUSED, "the disk is asleep"),
        (command("self-test", disk="K1"), Answer.FAILED, "OSError: smartctl is broken"),
        (command("rm -rf /"), Answer.REFUSED, "there is no command 'rm -rf /'; known are probe-now, self-test, "
         "support-bundle, resend"),
        (command("resend", boot="b1", sequences=[(1, 4)]), Answer.DONE,
         "2 of 4 reports are on their way again; others are not kept"),
        (command("resend", boot="b0", sequences=[(1, 4)]), Answer.DONE,
         "0 of 4 reports are on their way again; others are not kept"),
    ],
)  # fmt: skip
def test_a_command_gets_one_answer(outbox: Outbox, order: CommandOrder, answer: Answer, text: str) -> None:
    orders = Orders(outbox, Done().actions, clock=lambda: NOW)
    for _ in range(3):
        orders.carry_out(order)
    (reply,) = replies(outbox)
    assert (reply.in_reply_to, reply.answer, reply.text) == ("c1", answer, text)


def test_answered_orders_are_known_after_a_restart(outbox: Outbox) -> None:
    done = Done()
    Orders(outbox, done.actions, clock=lambda: NOW).carry_out(command("probe-now"))
    Orders(outbox, done.actions, clock=lambda: NOW).carry_out(command("probe-now"))
    Orders(outbox, done.actions, clock=lambda: NOW).carry_out(command("probe-now", "c2"))
    assert [reply.in_reply_to for reply in replies(outbox)] == ["c1", "c2"]
    assert len(done.calls) == 2


def test_a_bundle_comes_in_pieces_that_pass_every_server(outbox: Outbox) -> None:
    Orders(outbox, Done().actions, clock=lambda: NOW).carry_out(command("support-bundle"))
    found = replies(outbox)
    assert [(reply.attachment_part, reply.attachment_parts) for reply in found] == [(1, 2), (2, 2)]
    assert b"".join(reply.attachment for reply in found if isinstance(reply.attachment, bytes)) == b"x" * 90_001
    assert max(len(parcel.payload) for parcel in outbox.peek(0, 9)) < 131_072


def test_settings_are_confirmed_once_and_kept(outbox: Outbox) -> None:
    done = Done()
    order = ConfigOrder(id="s1", settings={"load_interval": "30s", "smart_interval": "10m"})
    for _ in range(2):  # a retained order comes with every connection
        Orders(outbox, done.actions).carry_out(order)
    (reply,) = replies(outbox)
    assert reply.applied == {"load_interval": "30s"}
    assert reply.rejected == {"smart_interval": "'10m': this machine's own configuration file sets it"}
    assert kept_order(outbox) == order
    Orders(outbox, done.actions).carry_out(ConfigOrder(id="s2"))
    assert replies(outbox)[-1].applied == {}
    assert kept_order(outbox) == ConfigOrder(id="s2")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("load_interval", "1s", "must be between 10s and 3600s"),
        ("load_interval", "2h", "must be between 10s and 3600s"),
        ("load_interval", "soon", "soon"),
        ("smart_interval", "1h", "this machine's own configuration file sets it"),
        ("probes.memory", True, "this machine's own configuration file sets it"),
        ("probes.load", "no", "is not on or off"),
        ("self_tests.short", "1h", "wears the disk for nothing: give 1d or more, or off"),
        ("self_tests.extended", "6d", "wears the disk for nothing: give 7d or more, or off"),
        ("self_tests.short", "400d", "must be between 86400s and 3.16224e+07s"),
        ("smart_force_after", 1, "cannot be set from afar"),
        ("filesystems.exclude_mounts", "/data", "must be a list of names"),
        ("smartctl", "/tmp/evil", "cannot be set from afar"),
        ("server", "mqtts://elsewhere", "cannot be set from afar"),
        ("data", "/", "cannot be set from afar"),
        ("no such key", 1, "cannot be set from afar"),
    ],
)
def test_a_setting_that_does_not_fit_says_why_and_harms_no_other(name: str, value: Any, reason: str) -> None:
    result = apply_settings(BASE, {name: value, "outbox.keep": "2h"})
    assert list(result.applied) == ["outbox.keep"]
    assert reason in result.rejected[name]
    assert result.config.outbox.keep == 7200
    assert (result.config.smartctl, result.config.server, result.config.data) == (
        BASE.smartctl, BASE.server, BASE.data,
    )  # fmt: skip


def test_every_setting_that_may_come_from_afar_does_something() -> None:
    values = {
        "load_interval": 20, "smart_interval": 600, "outbox.keep": 60, "self_tests.short": "7d",
        "self_tests.extended": "30d",
    }  # fmt: skip
    base = parse_config("test", "device: shop-07\n")
    for name in REMOTE:
        value = values.get(name, ["x"] if name.startswith("filesystems.") else name != "probes.load")
        given = {name: value} if name not in ("probes.load",) else {name: False}
        changed = apply_settings(base, given)
        assert changed.applied == given
        on = name.startswith("probes.") and value is True and name.removeprefix("probes.") in base.probes
        assert on or changed.config != base, name


def test_what_is_no_order_is_passed_over(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    orders = Orders(outbox, Done().actions, clock=lambda: NOW)
    for n in range(3):
        orders.receive("command", b'{"id": "a"' + b"}" * n)
    for n in range(50):
        orders.receive("command", encode(command("probe-now", f"c{n}")))
    assert "not understood" in caplog.text
    assert "too many orders at once" in caplog.text
    assert replies(outbox) == []


def test_a_bundle_tells_what_a_person_far_away_needs(
    tmp_path: Path, outbox: Outbox, empty_roots: dict[str, str]
) -> None:
    secret = tmp_path / "password"
    secret.write_text("planted-secret")
    text = json.dumps({"device": "shop-07", "roots": empty_roots, "password_file": str(secret), "data": str(tmp_path)})
    tail = LogTail()
    tail.emit(logging.LogRecord("x", logging.INFO, "x.py", 1, "a line of the log", None, None))
    content = make_bundle(parse_config("test", text), outbox, tail)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive.getmembers()}  # type: ignore[union-attr]
    assert set(files) == {
        f"forewarn-agent/{name}" for name in ("about.json", "settings.json", "doctor.json", "log.txt")
    }
    assert b"a line of the log" in files["forewarn-agent/log.txt"]
    assert json.loads(files["forewarn-agent/settings.json"])["device"] == "shop-07"
    assert {check["subject"] for check in json.loads(files["forewarn-agent/doctor.json"])} >= {"config", "server"}
    assert not any(b"planted-secret" in file for file in files.values())


@pytest.mark.server
def test_orders_travel_through_a_real_broker(
    mosquitto: Any, empty_roots: dict[str, str], agent_process: Callable[[dict[str, Any]], Any]
) -> None:
    heard: list[Any] = []
    client = Client(CallbackAPIVersion.VERSION2, client_id="server", protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect = lambda client, *_: client.subscribe("forewarn/v1/+/up/#", qos=1)
    client.on_message = lambda _c, _u, message: heard.append(decode(parse_topic(message.topic).kind, message.payload))
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()

    def eventually(found: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not found():
            assert time.monotonic() < deadline, f"{heard}\n{process.log()}"
            time.sleep(0.05)

    def reply(id_: str) -> list[ReplyReport]:
        return [message for message in list(heard) if isinstance(message, ReplyReport) and message.in_reply_to == id_]

    def loads() -> list[LoadReport]:
        return [message for message in list(heard) if isinstance(message, LoadReport)]

    def send(kind: str, order: Any) -> None:
        client.publish(down_topic("shop-07", kind), encode(order), qos=1, retain=kind == "config")

    process = agent_process({"device": "shop-07", "server": f"mqtt://127.0.0.1:{mosquitto.port}", "roots": empty_roots})
    try:
        send("config", ConfigOrder(id="s1", settings={"load_interval": "11s", "server": "mqtt://10.0.0.1"}))
        process.start()
        eventually(lambda: reply("s1"))
        assert reply("s1")[0].applied == {"load_interval": "11s"}
        births = [message for message in heard if isinstance(message, StatusReport) and message.state == "online"]
        eventually(lambda: loads())
        before = len(loads())
        send("command", command("probe-now", "c1", time.time() + 60))
        eventually(lambda: reply("c1") and len(loads()) > before)
        first = loads()[0]
        send("command", command("resend", "c2", time.time() + 60, boot=first.boot, sequences=[(first.seq, first.seq)]))
        eventually(lambda: [load.seq for load in loads()].count(first.seq) == 2)
        eventually(lambda: reply("c2"))
        assert reply("c2")[0].sequences == [(first.seq, first.seq)]
        send("command", command("format-disk", "c3", time.time() + 60))
        eventually(lambda: reply("c3"))
        assert reply("c3")[0].answer is Answer.REFUSED
        eventually(
            lambda: any(
                message.inventory.load_interval_seconds == 11.0
                for message in list(heard)
                if isinstance(message, StatusReport) and message.state == "online"
            )
        )
        assert births, "the birth comes before everything else"
    finally:
        client.disconnect()
        client.loop_stop()
