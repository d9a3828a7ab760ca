"""A desk and a real Alertmanager: alerts while tickets are open, silences as acknowledgements."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.prometheus_alertmanager import Alertmanager

PATIENCE = 60.0


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    if not Alertmanager.installed:
        pytest.skip("prometheus-alertmanager is not installed; as root, make test does that")
    server = Alertmanager(tmp_path)
    server.start()
    yield server
    server.stop()
    server.sink.close()


def told(server: Alertmanager) -> list[tuple[str, str]]:
    """(severity, firing or resolved) of every alert that the sink was told of, in order."""
    return [(a["labels"]["severity"], a["status"]) for body in server.sink.bodies for a in body["alerts"]]


def test_an_alert_lives_as_long_as_its_ticket(alertmanager: Alertmanager, make_office: Any, wait_for: Any) -> None:
    office = make_office(kind="alertmanager", url=alertmanager.url, poll_seconds=5)
    office.finds(1)
    (alert,) = wait_for(alertmanager.alerts, PATIENCE)
    assert alert["labels"]["customer"] == "Acme"
    assert alert["labels"]["part"] == "S1"
    assert alert["annotations"]["summary"] == "[warning] Sectors cannot be read - Acme / Store 12 / shop-07"
    assert "What to do" in alert["annotations"]["description"]
    wait_for(lambda: told(alertmanager) == [("warning", "firing")], PATIENCE)
    office.finds(1, levels="warning -> critical")
    wait_for(lambda: ("critical", "firing") in told(alertmanager), PATIENCE)
    (alert,) = alertmanager.alerts()
    assert alert["labels"]["severity"] == "critical"
    office.desk.act(1, "close", "Li Wei", outcome="cleaned")
    wait_for(lambda: ("critical", "resolved") in told(alertmanager), PATIENCE)
    assert alertmanager.alerts() == []


def test_a_silence_takes_it_up_and_a_restart_forgets_nothing(
    alertmanager: Alertmanager, make_office: Any, wait_for: Any
) -> None:
    office = make_office(kind="alertmanager", url=alertmanager.url, poll_seconds=5)
    office.finds(1)
    office.finds(2)
    wait_for(lambda: len(alertmanager.alerts()) == 2, PATIENCE)
    alertmanager.stop()
    alertmanager.start()
    wait_for(lambda: len(alertmanager.alerts()) == 2, PATIENCE)
    key = next(a["labels"]["forewarn_key"] for a in alertmanager.alerts() if a["labels"]["part"] == "S2")
    alertmanager.silence(key, "liwei", "I look at it")
    wait_for(lambda: office.tickets()[1].state == "acknowledged", PATIENCE)
    first, second = office.tickets()
    assert (first.state, second.owner) == ("open", "liwei")
    assert ("liwei (there)", "I look at it") in [(entry.actor, entry.text) for entry in second.timeline]
