"""Mutated packets: whatever is sent, the listener lives on and takes the next good report."""

import contextlib
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import mqtt5
import psutil
import pytest
from mqtt5 import QoS

from forewarn_collector.config import Api, Config, Listen
from forewarn_wire import up_topic

SEED = int(os.environ.get("FOREWARN_SEED", "20261123"))
PACKETS = int(os.environ.get("FOREWARN_FUZZ_PACKETS", "25000"))
CONNECTIONS_IN_A_BATCH, PAYLOADS_IN_A_BATCH = 50, 200
MOST_GROWTH = 60_000_000
"""Bytes, of the listener and of the test itself, which is in the same process."""
NAME = "shop-07"
TOPIC = up_topic(NAME, "load")
PAYLOAD = b'{"schema":1,"device":"shop-07","boot":"b1","seq":%d,"sampled_at":%d,"cpu":{"used_percent":1.5}}'
CONNECT = mqtt5.ConnectPacket(NAME, keep_alive=60).write()


def packets(rng: random.Random) -> list[bytes]:
    payload = PAYLOAD % (rng.randrange(10**9), time.time())
    will = mqtt5.Will(up_topic(NAME, "status"), payload=b"{}", user_properties=[("a", "b")])
    return [
        mqtt5.ConnectPacket(NAME, username=NAME, password=b"x", will=will, user_properties=[("k", "v")]).write(),
        mqtt5.PublishPacket(TOPIC, payload, qos=QoS.AT_LEAST_ONCE, packet_id=rng.randrange(1, 65_536)).write(),
        mqtt5.PublishPacket(TOPIC, payload, content_type="json", user_properties=[("k", "v")]).write(),
        mqtt5.SubscribePacket(1, [mqtt5.TopicFilter(f"forewarn/v1/{NAME}/down/#"), mqtt5.TopicFilter("#")]).write(),
        mqtt5.UnsubscribePacket(2, ["#"]).write(),
        mqtt5.PubAckPacket(3, reason_str="yes").write(),
        mqtt5.PingReqPacket().write(),
        mqtt5.DisconnectPacket(reason_str="enough").write(),
    ]


def mutated(rng: random.Random, packet: bytes) -> bytes:
    found = bytearray(packet)
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        place = rng.randrange(len(found))
        match rng.randrange(6):
            case 0:
                found[place] = rng.randrange(256)
            case 1:
                found[place] ^= 1 << rng.randrange(8)
            case 2:
                del found[place : place + rng.randrange(1, 4)]
            case 3:
                found[place:place] = rng.randbytes(rng.randrange(1, 4))
            case 4:
                found[place : place + 4] = b"\xff\xff\xff\x7f"
            case _:
                found += found[place:]
        if not found:
            return b"\x00"
    return bytes(found)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, start_collector: Callable[..., Any]) -> Iterator[Any]:
    """A collector that does not slow down an address from which little that is good comes."""
    listen = Listen(
        port=0, connections_per_address=1_000_000, connections_per_second=100_000.0, messages_per_second=1e9
    )
    running = start_collector(
        tmp_path_factory.mktemp("collector") / "data", Config(listen=listen, api=Api(port=0))
    )  # fmt: skip
    yield running
    running.stop()


def send_mutated_packets(rng: random.Random, device: Any) -> int:
    """A connection that is cut somewhere; how many packets were sent on it."""
    stream = [CONNECT] * (rng.random() < 0.8)
    stream += [mutated(rng, rng.choice(packets(rng))) for _ in range(rng.randrange(1, 6))]
    whole = b"".join(stream)
    cut = rng.randrange(len(whole) + 1)
    with contextlib.suppress(OSError):  # it may be cut off before it has said everything
        device.send(whole[:cut])
        device.send(whole[cut:])
        device.socket.shutdown(socket.SHUT_WR)
        device.read_to_the_end()
    device.close()
    return len(stream)


def send_mutated_payloads(rng: random.Random, device: Any) -> int:
    """Good packets of mutated reports: each gets an answer."""
    device.connect()
    good = [PAYLOAD % (rng.randrange(10**9), time.time()) for _ in range(PAYLOADS_IN_A_BATCH)]
    sent = [device.packet(TOPIC, mutated(rng, payload)) for payload in good]
    for beginning in range(0, len(sent), 100):  # never more than receive maximum on the way
        device.send(*sent[beginning : beginning + 100])
        answers = [device.receive(60) for _ in sent[beginning : beginning + 100]]
        assert {int(answer.reason_code) for answer in answers} <= {0x00, 0x99}
    device.close()
    return len(sent)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the codec's, of text that is no UTF-8
def test_mutated_packets_never_end_the_listener(door: Any, device_type: Any) -> None:
    rng = random.Random(SEED)
    process = psutil.Process()
    batches = sent = before = 0
    while sent < PACKETS:
        sent += sum(send_mutated_packets(rng, device_type(door.port)) for _ in range(CONNECTIONS_IN_A_BATCH))
        sent += send_mutated_payloads(rng, device_type(door.port))
        door.take_a_good_report()
        batches += 1
        if batches == 10:
            before = process.memory_info().rss
        if batches % 250 == 0:
            print(f"{sent:,} sent", flush=True)
    grown = process.memory_info().rss - before
    letters = door.letters()
    print(f"{sent:,} mutated packets and payloads, seed {SEED}: a good report was taken after each {sent // batches}; "
          f"dead letters {dict(letters)}; memory grew by {grown / 1e6:.1f} MB")  # fmt: skip
    assert letters["malformed-packet"] > batches * CONNECTIONS_IN_A_BATCH / 4
    assert not letters["internal-error"]
    assert grown < MOST_GROWTH
