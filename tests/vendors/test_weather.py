"""Every third request goes wrong in some way: at the end each fault has one ticket there, in its right state, and every
note stands there once."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from vendors.cases import ALERTING, SYSTEMS, Case
from vendors.strict import Mishap, cut, lose_the_reply, refuse

from forewarn_collector.directory import Whose
from forewarn_collector.tickets.parts import Part
from forewarn_collector.tickets.systems.wording import MARK

FAULTS = 4
MISHAPS: tuple[Mishap, ...] = (
    lose_the_reply, lose_the_reply, cut, refuse(429, {"Retry-After": "1"}), refuse(503), refuse(502),
)  # fmt: skip
EVERYBODY = [*SYSTEMS, *ALERTING]


@pytest.mark.parametrize("case", EVERYBODY, ids=[case.kind for case in EVERYBODY])
def test_one_ticket_for_each_fault(make_bench: Callable[..., Any], case: Case) -> None:
    bench = make_bench(case)
    dice = random.Random(20261126)
    bench.server.weather = lambda: dice.choice(MISHAPS) if dice.random() < 0.33 else None
    parts = [Part("shop-07", "MB-1", f"S3Z{number}", Whose("Acme", "Store 12", "Li Wei")) for number in range(FAULTS)]
    failures = 0
    numbers = [bench.finds(part=part).number for part in parts]
    failures += bench.send_in_bad_weather(1000)
    for number in numbers:
        bench.desk.act(number, "acknowledge", "Li Wei")
        bench.desk.note(number, "Li Wei", "on my way")
    failures += bench.send_in_bad_weather(1000)
    for number in numbers[: FAULTS // 2]:
        bench.desk.act(number, "resolve", "Li Wei")
    failures += bench.send_in_bad_weather(1000)
    assert failures > 1, "the weather was fine"
    states = Counter(case.seen(kept)[0] for kept in bench.server.kept.values())
    taken_up = case.states.get("acknowledged", case.states["open"])
    assert states == {case.states["resolved"]: FAULTS // 2, taken_up: FAULTS - FAULTS // 2}
    for kept in bench.server.kept.values():
        marks = [found[0] for text, _ in kept.notes if (found := MARK.search(text))]
        assert len(marks) == len(set(marks))
