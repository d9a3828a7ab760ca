"""Our bodies for PagerDuty and Opsgenie are those that a real Alertmanager emits for the same event, the key aside.

Alertmanager sends to the strict servers, which shows besides that they take what a real sender sends.
"""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from vendors.cases import ALERTING
from vendors.opsgenie import KEY, Opsgenie
from vendors.pagerduty import ROUTING_KEY, PagerDuty
from vendors.strict import StrictServer

from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.systems import alerting, wording

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(ALERTMANAGER is None, reason="prometheus-alertmanager is not installed"),
]


class Post(NamedTuple):
    path: str
    query: dict[str, str]
    body: dict[str, Any]


# What Alertmanager adds to the details of every event: its own lists of the alerts behind it.
ITS_OWN = ("firing", "resolved", "num_firing", "num_resolved")
LABELS = ("customer", "site", "engineer", "device", "device_serial", "part", "fault", "severity")
Wait = Callable[..., Any]


def template(name: str) -> str:
    return f"{{{{ .CommonLabels.{name} }}}}"


def configuration(pagerduty: PagerDuty, opsgenie: Opsgenie) -> dict[str, Any]:
    """What a provider would configure to be told the same. Of PagerDuty's ``client`` and ``source`` this version makes
    one, so there are two receivers: one says the client, one the source."""
    event = {
        "routing_key": ROUTING_KEY, "url": f"{pagerduty.url}/v2/enqueue", "send_resolved": True,
        "description": "{{ .CommonAnnotations.summary }}", "severity": template("severity"), "class": template("fault"),
        "component": template("part"), "group": template("customer"), "client_url": "",
        "details": {name: template(name) for name in LABELS}
        | {"description": "{{ .CommonAnnotations.description }}"},
    }  # fmt: skip
    alert = {
        "send_resolved": True, "message": "{{ .CommonAnnotations.summary }}",
        "description": "{{ .CommonAnnotations.description }}", "priority": "P3", "entity": template("device"),
        "source": "forewarn", "tags": f"{template('fault')},{template('severity')}",
        "responders": [{"name": "Storage", "type": "team"}],
    }  # fmt: skip
    clients = [event | {"client": "forewarn"}, event | {"client": template("device")}]
    return {
        "global": {"opsgenie_api_url": f"{opsgenie.url}/", "opsgenie_api_key": KEY},
        "route": {"receiver": "both", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"},
        "receivers": [{"name": "both", "pagerduty_configs": clients, "opsgenie_configs": [alert]}],
    }


class Alertmanager:
    """A real one, told of our ticket as an alert."""

    def __init__(self, directory: Path, settings: dict[str, Any]) -> None:
        (directory / "am.yml").write_text(yaml.safe_dump(settings))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        command = [
            str(ALERTMANAGER), f"--config.file={directory}/am.yml", f"--storage.path={directory}/data",
            f"--web.listen-address={self._url.removeprefix('http://')}", "--cluster.listen-address=",
        ]  # fmt: skip
        with (directory / "am.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def tell(self, ticket: Ticket, ended: bool) -> None:
        starts, ends = (datetime.fromtimestamp(time.time() + offset, UTC).isoformat() for offset in (-600, -1))
        alert = {
            "labels": alerting.details(ticket), "startsAt": starts,
            "annotations": {"summary": wording.title(ticket), "description": wording.description(ticket)},
        }  # fmt: skip
        body = json.dumps([alert | ({"endsAt": ends} if ended else {})]).encode()
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{self._url}/api/v2/alerts", body, headers), timeout=10):
            pass

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


def bodies(server: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, body) of what was sent, without asking what became of it."""
    return [(one.method, one.path, json.loads(one.body)) for one in list(server.asked) if one.method == "POST"]


def test_pagerduty_and_opsgenie(make_bench: Callable[..., Any], tmp_path: Path, wait_for: Wait) -> None:
    pagerduty_case, opsgenie_case = ALERTING[0], ALERTING[1]
    (tmp_path / "pagerduty").mkdir()
    (tmp_path / "opsgenie").mkdir()
    pagerduty = make_bench(pagerduty_case, tmp_path / "pagerduty")
    opsgenie = make_bench(opsgenie_case, tmp_path / "opsgenie", queues={"default": "Storage"})
    theirs = PagerDuty(), Opsgenie()
    emitter = Alertmanager(tmp_path, configuration(*theirs))
    try:
        wait_for(emitter.answers, 60)
        for levels, times in (("none -> warning", 1), ("warning -> none", 2)):
            for bench in (pagerduty, opsgenie):
                bench.finds(levels)
                bench.send()
            emitter.tell(pagerduty.ticket(), ended=times == 2)
            wait_for(lambda times=times: len(posts(theirs[0])) == 2 * times and len(posts(theirs[1])) == times, 60)
            compare_pagerduty(posts(theirs[0])[-2:], posts(pagerduty.server)[-1])
            compare_opsgenie(posts(theirs[1])[-1], posts(opsgenie.server)[-1])
            assert len(posts(pagerduty.server)) == len(posts(opsgenie.server)) == times
    finally:
        emitter.stop()
        for server in theirs:
            server.stop()


def posts(server: StrictServer) -> list[Post]:
    """What was sent, without the questions what became of it."""
    return [Post(one.path, one.query, json.loads(one.body)) for one in list(server.asked) if one.method == "POST"]


def compare_pagerduty(theirs: list[Post], ours: Post) -> None:
    by_client = {one.body["client"]: one for one in theirs}
    path, query, expected = by_client["forewarn"]
    expected["payload"]["source"] = by_client["shop-07"].body["payload"]["source"]
    for name in ITS_OWN:
        expected["payload"]["custom_details"].pop(name)
    expected["dedup_key"] = ours.body["dedup_key"]
    assert ours == (path, query, expected)


def compare_opsgenie(theirs: Post, ours: Post) -> None:
    """The alias stands in the body of a creation, and in the path of what comes after it."""
    path, query, expected = theirs
    if "alias" in expected:
        expected["alias"] = ours.body["alias"]
        assert ours == (path, query, expected)
        return
    ways = [one.path.split("/") for one in (theirs, ours)]
    assert [way[:3] + way[4:] for way in ways] == [["", "v2", "alerts", "close"]] * 2
    assert ours[1:] == (query, expected)
