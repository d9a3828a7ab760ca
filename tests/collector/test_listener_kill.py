"""A collector that is killed in the middle of a stream: what it has acknowledged, it has stored."""

import time
from collections.abc import Callable
from typing import Any

import mqtt5
import pytest

from forewarn_collector.store.history import History
from forewarn_wire import up_topic

TOPIC = up_topic("shop-07", "load")
KILLS, IN_FLIGHT, PER_ROUND = 4, 150, 900
FIELD = "cpu.used_percent"


@pytest.mark.slow
def test_every_acknowledged_report_is_in_the_store_after_a_kill(
    make_collector: Callable[..., Any], make_device: Callable[..., Any], load_payload: Callable[..., bytes]
) -> None:
    collector = make_collector()
    start = float(int(time.time()) - 86_400)
    acknowledged: set[int] = set()
    everything = range(1, 1 + KILLS * PER_ROUND)
    for _ in range(KILLS):
        device = make_device(collector.mqtt_port)
        device.connect()
        to_send = iter([seq for seq in everything if seq not in acknowledged])
        owed: dict[int, int] = {}
        for _ in range(PER_ROUND // 2):
            while len(owed) < IN_FLIGHT:
                seq = next(to_send)
                packet = device.packet(TOPIC, load_payload(seq=seq, at=start + seq))
                owed[mqtt5.read(memoryview(packet))[0].packet_id] = seq  # type: ignore[union-attr]
                device.send(packet)
            acknowledged.add(owed.pop(device.receive().packet_id))
        collector.kill()
        acknowledged |= {owed[packet.packet_id] for packet in device.until_closed()}
        with History.open(collector.data) as history:
            times, _ = history.read("shop-07", "load", "", [FIELD], 0, 2**31)
        stored = {int(at - start) for at in times}
        assert acknowledged <= stored
        assert len(stored) == len(times)
        collector.start()
    device = make_device(collector.mqtt_port)
    device.connect()
    for seq in everything:
        if seq not in acknowledged:
            assert device.publish(TOPIC, load_payload(seq=seq, at=start + seq)).reason_code == 0
    collector.stop()
    with History.open(collector.data) as history:
        times, _ = history.read("shop-07", "load", "", [FIELD], 0, 2**31)
    assert [int(at - start) for at in times] == list(everything)
    assert "Traceback" not in collector.said()
