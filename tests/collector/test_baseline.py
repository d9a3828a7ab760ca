"""An old fault is accepted as known: command line, API, judge and tickets of a real collector."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from forewarn_collector.cli.main import forewarn
from forewarn_wire import Array, Attribute, Dimm, Disk, LoadReport, Message, Outcome, SmartReport, encode, up_topic

NAME = "shop-07"
DAY = 86_400.0
SLOTS = {"S3Z1": "/dev/sda", "S3Z2": "/dev/sdb"}


class House:
    """A collector, one device in front of it, and the command line."""

    def __init__(self, make_running: Callable[..., Any], make_device: Callable[..., Any]) -> None:
        self._make_running, self._make_device = make_running, make_device
        self.now = time.time()
        self.seq = 0
        self.running = make_running()

    def restart(self) -> None:
        self.running.stop()
        self.running = self._make_running()

    def report(self, days_ago: float, reallocated: int | None, serial: str = "S3Z1") -> None:
        self.seq += 1
        message = SmartReport(
            device=NAME, boot="b1", seq=self.seq, sampled_at=self.now - days_ago * DAY, outcome=Outcome.MEASURED,
            disk=Disk(slot=SLOTS[serial], kind="unknown", serial=serial, model="ST4000"), passed=True,
            attributes=[Attribute(5, 100, 100, 10, reallocated), Attribute(197, 100, 100, 0, None)],
        )  # fmt: skip
        self._publish("smart", message)

    def load(self, days_ago: float, errors: int, corrected: int) -> None:
        self.seq += 1
        message = LoadReport(
            device=NAME, boot="b1", seq=self.seq, sampled_at=self.now - days_ago * DAY,
            arrays=[Array(name="md0", type="md", level="raid1", errors=errors)],
            dimms=[Dimm(dimm="DIMM_A1", corrected_errors=corrected)],
        )  # fmt: skip
        self._publish("load", message)

    def _publish(self, kind: str, message: Message) -> None:
        device = self._make_device(self.running.port, NAME)
        assert device.connect().reason_code == 0
        assert device.publish(up_topic(NAME, kind), encode(message)).reason_code == 0
        device.close()
        deadline = time.monotonic() + 30
        while (health := self.running.collector.health()).judged_position < health.position:
            assert time.monotonic() < deadline, "the judge does not come to it"
            time.sleep(0.02)

    def __call__(self, *words: str, columns: int = 80) -> Result:
        environment = {"COLUMNS": str(columns), "TERM": "dumb"}
        return CliRunner(env=environment).invoke(forewarn, ["--data", str(self.running.data), *words])

    def json(self, *words: str) -> Any:
        result = self(*words, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def tickets(self) -> list[tuple[str, str | None]]:
        found = sorted(self.json("tickets", "--state", "all"), key=lambda ticket: ticket["number"])
        return [(ticket["state"], ticket["outcome"]) for ticket in found]


@pytest.fixture
def house(make_running: Callable[..., Any], make_device: Callable[..., Any]) -> House:
    return House(make_running, make_device)


def test_an_accepted_fault_is_quiet_until_it_grows_also_after_a_restart(house: House) -> None:
    house.report(6, 104)
    house.report(5, 110)
    assert house.tickets() == [("open", None)]

    done = house.json("baseline", "accept", NAME, "/dev/sda", "--note", "known since 2024", "--by", "Li Wei", "--yes")
    assert done["ended"] == [
        {"part": "S3Z1", "rule": "ata-reallocated-growth", "before": "warning", "after": "none"}
    ]  # fmt: skip
    assert house.tickets() == [("closed", "accepted-as-known")]
    timeline = house.json("ticket", "show", "1")["timeline"]
    said = [(entry["actor"], entry["kind"], entry["text"]) for entry in timeline[-3:]]
    assert said[0][:2] == ("Li Wei", "evidence")
    assert "Accepted as known by Li Wei until it grows: Disk /dev/sda" in said[0][2]
    assert said[1:] == [("Li Wei", "note", "known since 2024"), ("Li Wei", "state", "closed, accepted-as-known")]

    house.report(4, 110)
    house.restart()
    house.report(3, 110)
    assert house.tickets() == [("closed", "accepted-as-known")]
    (view,) = house.json("baseline", "show", NAME, "S3Z1")
    assert (view["accepted_by"], view["note"], view["slot"]) == ("Li Wei", "known since 2024", "/dev/sda")
    (sectors,) = [one for one in view["counters"] if one["metric"] == "ata.5.raw"]
    assert (sectors["first"], sectors["accepted"], sectors["newest"], sectors["growth"]) == (104, 110, 110, 0)
    assert sectors["first_at"] == pytest.approx(house.now - 6 * DAY, abs=0.01)
    assert "ata.197.raw" not in [one["metric"] for one in view["counters"]], "it was never measured"

    house.report(2, 111)
    assert house.tickets() == [("closed", "accepted-as-known"), ("open", None)]


def test_a_disk_can_be_accepted_right_after_a_restart_and_its_neighbour_is_not(house: House) -> None:
    house.report(6, 104)
    house.report(6, 90, "S3Z2")
    house.restart()
    assert house.json("baseline", "accept", NAME, "S3Z1", "--yes")["ended"]
    assert sorted(house.tickets()) == [("closed", "accepted-as-known"), ("open", None)]
    house.report(5, None)
    assert house.json("baseline", "show", NAME, "S3Z1")[0]["counters"][0]["newest"] == 104
    assert house.json("baseline", "accept", NAME, "--yes")["ended"] == [
        {"part": "S3Z2", "rule": "ata-reallocated-growth", "before": "warning", "after": "none"}
    ]


def test_what_cannot_be_accepted_is_refused_in_one_line(house: House) -> None:
    house.report(6, None)
    house.report(6, 90, "S3Z2")
    refused = {
        ("baseline", "show", "nobody"): "no device 'nobody' has reported",
        ("baseline", "accept", NAME, "/dev/sdx", "--yes"): "has no part '/dev/sdx'; it has S3Z1, S3Z2",
        ("baseline", "accept", NAME, "S3Z", "--yes"): "'S3Z' fits several parts of shop-07: S3Z1, S3Z2; name one",
        ("baseline", "accept", NAME, "S3Z2"): "give --yes: nobody is here to be asked",
    }
    for words, why in refused.items():
        result = house(*words)
        assert result.exit_code != 0
        assert why in result.stderr
    assert house.tickets() == [("open", None)]


def test_the_pages_fit_80_columns_and_say_what_was_done(house: House) -> None:
    house.report(6, 104)
    accepted = house("baseline", "accept", NAME, "--by", "Li Wei", "--yes")
    assert "accepted /dev/sda S3Z1: ata.5.raw 104" in accepted.stdout
    assert "ended ata-reallocated-growth: warning -> none (S3Z1)" in accepted.stdout
    shown = house("baseline", "show", NAME)
    assert shown.exit_code == 0, shown.stderr
    assert "accepted by Li Wei" in shown.stdout
    assert "ata.5.raw" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_errors_of_an_array_and_of_a_memory_module_are_accepted_by_their_names(house: House) -> None:
    house.load(5, errors=2, corrected=0)
    house.load(4, errors=5, corrected=0)
    assert house.tickets() == [("open", None)]
    views = {view["part"]: view for view in house.json("baseline", "show", NAME)}
    assert [(one["metric"], one["first"], one["newest"]) for one in views["md0"]["counters"]] == [
        ("array.errors", 2, 5)
    ]
    assert {"md0", "DIMM_A1"} <= set(views)

    done = house.json("baseline", "accept", NAME, "md0", "--yes")
    assert done["ended"] == [
        {"part": "md0", "rule": "array-member-errors", "before": "warning", "after": "none"}
    ]  # fmt: skip
    assert house.tickets() == [("closed", "accepted-as-known")]
    house.restart()
    house.load(3, errors=5, corrected=0)
    assert house.tickets() == [("closed", "accepted-as-known")]
    house.load(2, errors=6, corrected=0)
    assert house.tickets() == [("closed", "accepted-as-known"), ("open", None)]


def test_a_rule_explains_what_it_sees_on_a_device_also_after_a_restart(house: House) -> None:
    house.report(6, 104)
    house.report(5, None, "S3Z2")
    for _ in range(2):
        views = house.json("rules", "explain", "ata-reallocated-growth", "--device", NAME)["accounts"]
        told = {view["part"]: view for view in views}
        assert (told["S3Z1"]["level"], told["S3Z2"]["level"]) == ("warning", "none")
        assert {sign["name"]: sign["value"] for sign in told["S3Z1"]["signals"]}["sectors"] == 104
        assert told["S3Z2"]["signals"][0]["why"] == "could not be measured in the last report"
        shown = house("rules", "explain", "ata-reallocated-growth", "--device", NAME)
        assert shown.exit_code == 0, shown.stderr
        for piece in ("disk S3Z1: warning", "raised since", "unknown", "would raise with"):
            assert piece in shown.stdout
        assert max(map(len, shown.stdout.splitlines())) <= 80
        house.restart()
    refused = {
        ("no-such", NAME): "there is no rule 'no-such'; `forewarn rules list` shows them all",
        ("ata-reallocated-growth", "nobody"): "no device 'nobody' has reported",
        ("filesystem-full", NAME): f"{NAME} has reported no filesystem yet",
    }
    for (rule, device), why in refused.items():
        result = house("rules", "explain", rule, "--device", device)
        assert result.exit_code == 1
        assert why in result.stderr
