"""Saving only what the engine says has changed leaves the same saved as saving every component at every report."""

import math
from collections import Counter

import numpy as np
import pytest

from forewarn_rules import Engine, Key, Kind, load_rules

START, MINUTE, HOUR, DAY = 1_700_006_400.0, 60.0, 3600.0, 86_400.0
RULES = load_rules()
LABELS: dict[str, str | float] = {"model": "ST4000DM000", "disk_kind": "unknown", "fstype": "ext4", "sensor": "s"}
Saved = dict[Key, bytes]


def save(engine: Engine, kind: Kind, keys: list[Key], saved: Saved) -> list[Key]:
    """As the collector does after a step; return what was written or taken away."""
    unsaved = engine.unsaved(kind, keys)
    for key, snapshot in unsaved:
        if snapshot is None:
            saved.pop(key, None)
        else:
            saved[key] = snapshot
        engine.note_saved(kind, key, snapshot)
    return [key for key, _ in unsaved]


def all_of(engine: Engine, kind: Kind, keys: list[Key]) -> Saved:
    return {key: snapshot for key in keys if (snapshot := engine.snapshot(kind, key)) is not None}


def restarted(kind: Kind, saved: Saved) -> Engine:
    engine = Engine(RULES)
    for key, snapshot in saved.items():
        engine.restore(kind, key, snapshot)
        engine.note_saved(kind, key, snapshot)
    return engine


@pytest.mark.parametrize("kind", [Kind.DISK, Kind.DEVICE, Kind.SENSOR, Kind.DIMM, Kind.FILESYSTEM])
@pytest.mark.parametrize("step", [20 * MINUTE, DAY])
def test_what_is_saved_is_always_what_there_is_to_save(kind: Kind, step: float) -> None:
    random = np.random.default_rng(7)
    keys = [(f"srv-{n % 3}", f"part-{n}") for n in range(9)]
    engine, saved = Engine(RULES), Saved()
    names = engine.metrics(kind)
    counted = sorted(engine.counted(kind))
    written: Counter[Key] = Counter()
    for turn in range(150):
        here = [key for key in keys if random.random() < 0.8]
        values = np.array([0, 0, 1, 2, 20, 96, 120, math.nan])
        calm = turn % 50 > 20  # long enough for timers to run out
        reported = {name: np.zeros(len(here)) if calm else random.choice(values, len(here)) for name in names}
        late = random.choice([0, 0, 0, 3 * step], len(here))
        at = START + turn * step + random.integers(0, int(step / 2), len(here)) - late
        engine.observe(kind, here, lambda key: LABELS | {"serial": key[1]}, at, reported)
        written.update(save(engine, kind, here, saved))
        if turn % 40 == 17:
            engine.forget(kind, keys[4])
            save(engine, kind, [keys[4]], saved)
            assert keys[4] not in saved
        if counted and turn % 40 == 29:
            engine.accept(kind, keys[5], LABELS, START + turn * step, dict.fromkeys(counted, 2.0), "Li Wei")
            save(engine, kind, [keys[5]], saved)
        if turn == 75:
            engine = restarted(kind, saved)
            assert engine.unsaved(kind, list(saved)) == []
        assert saved == all_of(engine, kind, keys), turn
    assert written


def test_what_is_at_rest_is_not_looked_at_again_within_the_day() -> None:
    engine, saved = Engine(RULES), Saved()
    fans = [("pc", "fan1"), ("pc", "fan2")]
    written = []
    for hour in range(60):
        values = {"fan.rpm": np.full(2, 1000.0), "fan.pwm_percent": np.full(2, 40.0)}
        engine.observe(Kind.SENSOR, fans, lambda _: LABELS, np.full(2, START + 3600.0 * hour), values)
        if save(engine, Kind.SENSOR, fans, saved):
            written.append(hour)
    assert written == [0, 24, 48]


def test_a_component_that_is_not_there_has_nothing_to_be_kept() -> None:
    assert Engine(RULES).unsaved(Kind.DISK, [("srv", "never seen")]) == [(("srv", "never seen"), None)]


def test_what_a_replay_leaves_raised_is_to_be_saved() -> None:
    """A component that was taken over from another engine comes by `restore`, too."""
    engine = Engine(RULES)
    key = ("srv", "Z1")
    engine.observe(Kind.DISK, [key], lambda _: LABELS, [START], {"ata.197.raw": [16.0]})
    snapshot = engine.snapshot(Kind.DISK, key)
    assert snapshot is not None
    other = Engine(RULES)
    other.restore(Kind.DISK, key, snapshot)
    assert other.unsaved(Kind.DISK, [key]) == [(key, snapshot)]
