"""The listener against clients that are not what they should be. Each case has an end that is known and counted."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import mqtt5
import paho.mqtt.client as mqtt
import pytest
from mqtt5 import ConnAckReasonCode as Reply
from mqtt5 import DisconnectReasonCode as Bye
from mqtt5 import QoS
from paho.mqtt.enums import CallbackAPIVersion

from forewarn_collector.ingest.listener import Listener
from forewarn_wire import up_topic

LOAD = up_topic("shop-07", "load")
STATUS = up_topic("shop-07", "status")
WANTS_A_LONG_ANSWER = mqtt5.UnsubscribePacket(1, ["x"] * 10_000).write()
Make = Callable[..., Any]


def tls_greeting() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="collector")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def connect_bytes(name: str, **options: Any) -> bytes:
    return mqtt5.ConnectPacket(name, **options).write()


FIRST_BYTES = {
    "junk": (b"\x00\xff\x7fjunk" * 20, "malformed-packet", "is it MQTT?"),
    "an HTTP request": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "malformed-packet", "is it MQTT?"),
    "a TLS greeting": (tls_greeting(), "malformed-packet", "TLS"),
    "a publish": (mqtt5.PublishPacket(LOAD, b"{}").write(), "malformed-packet", "not that of a CONNECT"),
    "MQTT 3.1": (b"\x10\x10\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x02ab", "malformed-packet", "MQTT 3.1: set it"),
    "MQTT 6": (connect_bytes("shop-07").replace(b"MQTT\x05", b"MQTT\x06"), "malformed-packet", "protocol version"),
    "a name that is not UTF-8": (
        connect_bytes("shop-07").replace(b"shop-07", b"sh\xffp-07"), "malformed-packet", "UTF-8",
    ),
    "an announced length of 250 MB": (b"\x10\xff\xff\xff\x7f", "packet-too-large", "limit is 262144"),
    "a length without end": (b"\x10\xff\xff\xff\xff\xff\xff", "packet-too-large", "limit is 262144"),
    "a CONNECT that is too long": (b"\x10\x81\x80\x10" + bytes(1000), "packet-too-large", "limit is 262144"),
}  # fmt: skip


@pytest.mark.parametrize("case", FIRST_BYTES)
def test_what_cannot_be_read_is_kept_as_a_dead_letter(case: str, door: Any, make_device: Make, wait_for: Any) -> None:
    sent, reason, words = FIRST_BYTES[case]
    letters, ended = door.letters(), door.ended[reason]
    device = make_device(door.port)
    device.send(sent)
    device.read_to_the_end()
    wait_for(lambda: door.letters() - letters == {reason: 1})
    assert door.ended[reason] == ended + 1
    (letter,) = door.reader.dead_letters(1)
    assert words in letter.detail
    assert letter.payload == sent[:512]


def test_an_older_client_hears_that_its_protocol_is_refused(door: Any, wait_for: Any) -> None:
    heard: list[Any] = []
    letters = door.letters()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="shop-07", protocol=mqtt.MQTTv311)
    client.on_connect = lambda _c, _u, _f, reason, _p: heard.append(reason)
    client.connect("127.0.0.1", door.port)
    wait_for(lambda: client.loop(0.1) != 0)
    assert [str(reason) for reason in heard] == ["Unsupported protocol version"]
    assert heard[0].value == Reply.UNSUPPORTED_PROTOCOL_VERSION
    wait_for(lambda: door.letters() - letters == {"malformed-packet": 2})  # paho tries 3.1 after 3.1.1
    said = [letter.detail for letter in door.reader.dead_letters(2)]
    assert said == [f"the client speaks {older}: set it to MQTT 5" for older in ("MQTT 3.1", "MQTT 3.1.1")]


def test_the_answer_to_an_older_client_is_that_of_its_own_protocol(door: Any, make_device: Make) -> None:
    device = make_device(door.port)
    for byte in b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab":
        device.send(bytes([byte]))
    assert device.socket.recv(100) == b"\x20\x02\x00\x01"


NAMES = {
    "reserved": "collector",
    "plus": "+",
    "hash": "#",
    "slash": "/",
    "a topic": "shop-07/up",
    "none": "",
    "upper case": "Shop-07",
    "a dash first": "-shop",
    "a look-alike letter": "sh\u043ep-07",
    "a full-width letter": "\uff53hop-07",
    "a zero byte": "shop\0-07",
    "a new line": "shop-07\n",
    "64 characters": "a" * 64,
    "10 kB": "x" * 10_000,
}
WILLS = {
    "a will on another device's topic": mqtt5.Will(up_topic("shop-08", "status"), payload=b"{}"),
    "a will beside the status": mqtt5.Will(LOAD, payload=b"{}"),
    "a will on a foreign topic": mqtt5.Will("zigbee2mqtt/lamp", payload=b"{}"),
}


@pytest.mark.parametrize("case", NAMES)
def test_what_is_not_a_device_name_is_refused(case: str, door: Any, make_device: Make, wait_for: Any) -> None:
    _refused(door, make_device(door.port), wait_for, Reply.CLIENT_ID_NOT_VALID, client_id=NAMES[case])


def test_a_user_name_other_than_the_client_id_is_refused(door: Any, make_device: Make, wait_for: Any) -> None:
    _refused(door, make_device(door.port), wait_for, Reply.NOT_AUTHORIZED, username="shop-08")


def test_other_authentication_is_refused(door: Any, make_device: Make, wait_for: Any) -> None:
    options = {"authentication_method": "SCRAM-SHA-256", "authentication_data": b"n,,n=shop-07"}
    _refused(door, make_device(door.port), wait_for, Reply.BAD_AUTHENTICATION_METHOD, **options)


@pytest.mark.parametrize("case", WILLS)
def test_a_foreign_will_is_refused(case: str, door: Any, make_device: Make, wait_for: Any) -> None:
    letters = door.letters()
    _refused(door, make_device(door.port), wait_for, Reply.NOT_AUTHORIZED, will=WILLS[case])
    assert door.letters() == letters


def _refused(door: Any, device: Any, wait_for: Any, code: Reply, **options: Any) -> None:
    reason = f"refused: {code.name.lower().replace('_', '-')}"
    before = door.ended[reason]
    answer = device.connect(**options)
    assert (answer.reason_code, device.until_closed()) == (code, [])
    assert answer.reason_str
    wait_for(lambda: door.ended[reason] == before + 1)
    assert "" not in door.collector.listener.clients


AFTER_CONNECT = {
    "a second CONNECT": (connect_bytes("shop-07"), Bye.PROTOCOL_ERROR, "second-connect"),
    "QoS 2": (
        mqtt5.PublishPacket(LOAD, b"{}", qos=QoS.EXACTLY_ONCE, packet_id=1).write(), Bye.QOS_NOT_SUPPORTED, "qos-2",
    ),
    "a topic alias": (
        mqtt5.PublishPacket(LOAD, b"{}", topic_alias=1).write(), Bye.TOPIC_ALIAS_INVALID, "topic-alias",
    ),
    "packet id 0": (b"2\x09\x00\x03a/b\x00\x00\x00x", Bye.PROTOCOL_ERROR, "packet-id-0"),
    "PUBREL": (mqtt5.PubRelPacket(1).write(), Bye.PROTOCOL_ERROR, "protocol-error"),
    "CONNACK": (mqtt5.ConnAckPacket().write(), Bye.PROTOCOL_ERROR, "protocol-error"),
    "AUTH": (mqtt5.AuthPacket(authentication_method="x").write(), Bye.PROTOCOL_ERROR, "protocol-error"),
    "a subscription to nothing": (b"\x82\x03\x00\x01\x00", Bye.PROTOCOL_ERROR, "protocol-error"),
    "broken packets": (b"\xff\xff\x00", Bye.MALFORMED_PACKET, "malformed-packet"),
    "a topic that is not UTF-8": (
        mqtt5.PublishPacket("abc", b"", qos=QoS.AT_LEAST_ONCE, packet_id=1).write().replace(b"abc", b"a\xffc"),
        Bye.MALFORMED_PACKET, "malformed-packet",
    ),
    "an announced length of 200 MB": (b"\x32\x80\x80\x80\x60" + bytes(100), Bye.PACKET_TOO_LARGE, "packet-too-large"),
}  # fmt: skip


@pytest.mark.parametrize("case", AFTER_CONNECT)
def test_breaking_the_protocol_ends_the_connection_with_its_reason(
    case: str, door: Any, make_device: Make, load_payload: Make, wait_for: Any
) -> None:
    sent, code, reason = AFTER_CONNECT[case]
    letters, ended = door.letters(), door.ended[reason]
    device = make_device(door.port)
    device.connect()
    seq, now = time.monotonic_ns(), time.time()
    before = door.reader.counts().reports
    good = [device.packet(LOAD, load_payload(seq=number, at=now)) for number in (seq, seq + 1)]
    device.send(good[0] + sent + good[1])
    assert device.until_closed()[-1].reason_code == code
    wait_for(lambda: door.ended[reason] == ended + 1)
    kept = {reason: 1} if reason in ("malformed-packet", "packet-too-large") else {}
    wait_for(lambda: door.letters() - letters == kept)
    # What came before the breach is stored; what stood behind it was never read.
    wait_for(lambda: door.reader.counts().reports == before + 1)


def test_more_than_receive_maximum_without_an_answer_ends_the_connection(
    door: Any, make_device: Make, load_payload: Make
) -> None:
    device = make_device(door.port)
    limit = device.connect().receive_max
    assert limit == 200
    with door.collector.journal.writing():  # nothing is committed, so nothing is acknowledged
        device.send(*(device.packet("x", b"") for _ in range(limit + 1)))
        (bye,) = device.until_closed()
    assert bye.reason_code == Bye.RECEIVE_MAX_EXCEEDED


def test_within_receive_maximum_nobody_is_ended(door: Any, make_device: Make) -> None:
    device = make_device(door.port)
    limit = device.connect().receive_max
    for _ in range(3):
        packets = [device.packet("x", b"") for _ in range(limit)]
        device.send(*packets)
        assert sorted(device.receive().packet_id for _ in packets) == sorted(_packet_ids(packets))


def _packet_ids(packets: list[bytes]) -> list[int]:
    return [mqtt5.read(memoryview(packet))[0].packet_id for packet in packets]  # type: ignore[union-attr, misc]


def test_the_connack_says_what_the_listener_offers(door: Any, make_device: Make) -> None:
    answer = make_device(door.port).connect(keep_alive=0)
    assert answer.max_qos == QoS.AT_LEAST_ONCE
    assert answer.max_packet_size == 262_144
    assert not answer.shared_subscription_available
    assert answer.server_keep_alive == 600  # nobody may stay for ever without a word
    assert make_device(door.port).connect(keep_alive=60).server_keep_alive is None


def test_subscriptions_end_at_ones_own_door(door: Any, make_device: Make) -> None:
    device = make_device(door.port)
    device.connect()
    asked = {
        "forewarn/v1/shop-07/down/#": 1,
        "forewarn/v1/shop-07/down/config": 1,
        "forewarn/v1/shop-08/down/#": 0x87,
        "forewarn/v1/+/down/#": 0x87,
        "forewarn/v1/shop-07/up/#": 0x87,
        "#": 0x87,
        "$share/all/forewarn/v1/shop-07/down/#": 0x87,
    }
    device.send(mqtt5.SubscribePacket(1, [mqtt5.TopicFilter(pattern) for pattern in asked]))
    assert device.receive().reason_codes == list(asked.values())
    device.send(mqtt5.SubscribePacket(2, [mqtt5.TopicFilter("forewarn/v1/shop-07/down/#", max_qos=QoS.AT_MOST_ONCE)]))
    assert device.receive().reason_codes == [0]
    device.send(mqtt5.UnsubscribePacket(3, ["#", "x"]))
    assert device.receive().reason_codes == [0, 0]


def test_a_second_connection_of_a_name_takes_over(
    door: Any, make_device: Make, load_payload: Make, wait_for: Any
) -> None:
    first, second = make_device(door.port, "shop-20"), make_device(door.port, "shop-20")
    first.connect()
    taken_over = door.ended["taken-over"]
    second.connect()
    assert [packet.reason_code for packet in first.until_closed()] == [Bye.SESSION_TAKEN_OVER]
    wait_for(lambda: door.ended["taken-over"] == taken_over + 1)
    assert second.publish(up_topic("shop-20", "load"), load_payload("shop-20")).reason_code == 0
    assert "shop-20" in door.collector.listener.clients


def test_the_late_will_of_an_older_session_ends_nothing(
    door: Any, make_device: Make, status_payload: Make, wait_for: Any
) -> None:
    topic = up_topic("shop-21", "status")

    def come(session: int) -> Any:
        device = make_device(door.port, "shop-21")
        device.connect(will=mqtt5.Will(topic, payload=status_payload("shop-21", session, "offline")))
        assert device.publish(topic, status_payload("shop-21", session)).reason_code == 0
        return device

    taken_over = door.ended["taken-over"]
    come(1)
    newer = come(2)  # takes over: the will of session 1 comes now
    wait_for(lambda: door.ended["taken-over"] == taken_over + 1 and not door.collector.intake.depth)
    assert door.reader.device("shop-21").online is True
    newer.close()
    wait_for(lambda: door.reader.device("shop-21").online is False)
    assert door.ended["connection-lost"]


@pytest.mark.parametrize(
    ("code", "online"), [(Bye.NORMAL_DISCONNECTION, True), (Bye.DISCONNECT_WITH_WILL_MESSAGE, False)]
)
def test_a_farewell_says_whether_the_will_counts(
    code: Bye, online: bool, door: Any, make_device: Make, status_payload: Make, wait_for: Any
) -> None:
    name = f"shop-{code}"
    topic = up_topic(name, "status")
    device = make_device(door.port, name)
    device.connect(will=mqtt5.Will(topic, payload=status_payload(name, 1, "offline")))
    device.publish(topic, status_payload(name, 1))
    device.send(mqtt5.DisconnectPacket(reason_code=code))
    device.until_closed()
    wait_for(lambda: name not in door.collector.listener.clients)
    wait_for(lambda: door.reader.device(name).online is online)


def test_a_will_that_is_no_message_is_a_dead_letter(door: Any, make_device: Make, wait_for: Any) -> None:
    letters = door.letters()
    device = make_device(door.port)
    device.connect(will=mqtt5.Will(STATUS, payload=b"gone"))
    device.close()
    wait_for(lambda: door.letters() - letters == {"malformed-json": 1})


def test_order_repetition_and_counters_that_go_back(door: Any, make_device: Make, load_payload: Make) -> None:
    device = make_device(door.port, "shop-30")
    device.connect()
    topic = up_topic("shop-30", "load")
    at = time.time() - 7200
    before = door.reader.counts()
    sent = [3, 1, 1, 2, 7, 7, 5, 3]
    for seq in sent:
        assert device.publish(topic, load_payload("shop-30", seq, at=at + seq)).reason_code == 0
    after = door.reader.counts()
    assert after.reports - before.reports == 5
    assert after.duplicates - before.duplicates == 3
    assert [(gap.first, gap.last) for gap in door.reader.gaps("shop-30")] == [(4, 4), (6, 6)]
    # The same numbers after a reboot are other reports.
    assert device.publish(topic, load_payload("shop-30", 1, boot="b2", at=at)).reason_code == 0
    assert door.reader.device("shop-30").reports == 6


def test_a_counter_that_goes_back_is_stored_as_it_came(door: Any, make_device: Make, wait_for: Any) -> None:
    device = make_device(door.port, "shop-31")
    device.connect()
    at = time.time() - 600
    for seq, hours in enumerate((5000, 12, 11)):
        payload = (
            f'{{"schema":1,"device":"shop-31","boot":"b","seq":{seq + 1},"sampled_at":{at + seq},'
            f'"disk":{{"slot":"/dev/sda","serial":"S1"}},"outcome":"measured","power_on_hours":{hours}}}'
        )
        assert device.publish(up_topic("shop-31", "smart"), payload.encode()).reason_code == 0
    with door.collector.journal.history() as history:
        _, columns = history.read("shop-31", "smart", "S1", ["disk.power_on_hours"], at - 1, at + 10)
    assert list(columns["disk.power_on_hours"]) == [5000, 12, 11]
    judge = door.collector.judge
    wait_for(lambda: judge.position == door.reader.max_position())


def test_a_sender_of_single_bytes_is_served(door: Any, make_device: Make, load_payload: Make) -> None:
    device = make_device(door.port, "shop-32")
    packets = connect_bytes("shop-32") + device.packet(up_topic("shop-32", "load"), load_payload("shop-32"))
    for byte in packets:
        device.send(bytes([byte]))
    assert [device.receive().reason_code for _ in range(2)] == [0, 0]


def test_a_report_without_acknowledgement_is_stored_too(
    door: Any, make_device: Make, load_payload: Make, wait_for: Any
) -> None:
    device = make_device(door.port, "shop-33")
    device.connect()
    device.send(
        device.packet(up_topic("shop-33", "load"), load_payload("shop-33"), qos=QoS.AT_MOST_ONCE, packet_id=None)
    )
    device.send(mqtt5.PingReqPacket())
    assert isinstance(device.receive(), mqtt5.PingRespPacket)
    wait_for(lambda: door.reader.device("shop-33"))


def takes_little_in(device: Any) -> None:
    """So that it takes few answers until they pile up on our side."""
    device.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


def test_a_client_that_never_reads_is_cut_off(door: Any, make_device: Make, wait_for: Any) -> None:
    device = make_device(door.port, "shop-34")
    device.connect()
    takes_little_in(device)
    before = door.ended["does-not-read"]

    def talk_on() -> None:
        while True:
            device.send(WANTS_A_LONG_ANSWER)

    with pytest.raises(OSError):
        talk_on()
    wait_for(lambda: door.ended["does-not-read"] == before + 1)


def test_a_collector_that_stops_does_not_call_its_devices_offline(
    make_running: Make, make_device: Make, status_payload: Make
) -> None:
    running = make_running()
    device = make_device(running.port)
    device.connect(will=mqtt5.Will(STATUS, payload=status_payload("shop-07", 1, "offline")))
    device.publish(STATUS, status_payload("shop-07", 1))
    running.stop()
    assert [packet.reason_code for packet in device.until_closed()] == [Bye.SERVER_SHUTTING_DOWN]
    assert make_running().reader.device("shop-07").online is True


@pytest.fixture
def impatient(door: Any) -> Iterator[Any]:
    """A second listener before the same intake, with short limits."""
    intake = door.collector.intake
    listener = Listener(intake, time.time, connect_seconds=0.4, close_seconds=0.4, max_connections=3)
    _, port = asyncio.run_coroutine_threadsafe(listener.start("127.0.0.1", 0), door.loop).result(10)
    yield SimpleNamespace(port=port, ended=listener.ended, listener=listener)
    asyncio.run_coroutine_threadsafe(listener.stop(), door.loop).result(10)


def test_whoever_says_nothing_is_sent_away(impatient: Any, make_device: Make) -> None:
    assert make_device(impatient.port).until_closed() == []
    assert impatient.ended == {"connect-timeout": 1}


def test_whoever_never_ends_its_connect_is_sent_away(impatient: Any, make_device: Make, wait_for: Any) -> None:
    device = make_device(impatient.port)
    unfinished = iter(connect_bytes("shop-07", user_properties=[("slow", "x" * 1000)]))

    def another_byte() -> None:
        device.send(bytes([next(unfinished)]))
        with contextlib.suppress(TimeoutError):
            device.receive(0.05)
        another_byte()

    with pytest.raises(device.Closed):
        another_byte()
    wait_for(lambda: impatient.ended == {"connect-timeout": 1})


def test_the_keepalive_ends_a_connection_whose_other_end_is_gone(
    impatient: Any, make_device: Make, wait_for: Any
) -> None:
    gone, there = make_device(impatient.port, "shop-40"), make_device(impatient.port, "shop-41")
    gone.connect(keep_alive=1)
    there.connect(keep_alive=1)
    for _ in range(6):
        there.send(mqtt5.PingReqPacket())
        assert isinstance(there.receive(), mqtt5.PingRespPacket)
        with contextlib.suppress(TimeoutError):
            there.receive(0.4)
    assert [packet.reason_code for packet in gone.until_closed()] == [Bye.KEEP_ALIVE_TIMEOUT]
    assert impatient.ended == {"keepalive-timeout": 1}


def test_who_does_not_take_its_goodbye_is_cut_off(door: Any, impatient: Any, make_device: Make, wait_for: Any) -> None:
    deaf = make_device(impatient.port, "shop-42")
    deaf.connect()
    takes_little_in(deaf)
    connection = impatient.listener.clients["shop-42"]
    while not connection._transport.get_write_buffer_size():  # until its answers pile up on our side
        deaf.send(WANTS_A_LONG_ANSWER)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), door.loop).result(10)
    make_device(impatient.port, "shop-42").connect()
    wait_for(lambda: impatient.ended == {"taken-over": 1})
    assert connection not in impatient.listener.open


def test_there_is_a_last_connection(impatient: Any, make_device: Make) -> None:
    let_in = [make_device(impatient.port, f"shop-{number}") for number in range(3)]
    assert [device.connect().reason_code for device in let_in] == [0, 0, 0]
    assert make_device(impatient.port).until_closed() == []
    assert impatient.ended == {"too-many-connections": 1}
