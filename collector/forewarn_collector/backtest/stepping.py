"""Step the engine through a history day by day, as live judging does round by round. Pure."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forewarn_collector.backtest.history import DAY, Floats, History
from forewarn_rules import Change, Engine, Key, Kind, Labels, Rule
from forewarn_rules.risk import Choice, RiskModel
from forewarn_rules.scorer import Scorer

_SSD = ("SSD", "WDS", "MTFD", "DELLBOSS")
SLOT = "replayed"


class Stepped(NamedTuple):
    """Changes of level in the order of time; each row's probability (NaN: the model says nothing), and which variant
    of the model gave it (-1: none)."""

    changes: list[Change]
    scores: Floats
    variants: Choice

    def above(self, model: RiskModel, budget: float) -> npt.NDArray[np.bool_]:
        """Rows above the model's own threshold for a budget of false tickets. Raise ValueError if it has none."""
        return self.scores > np.append(model.thresholds(budget), np.inf)[self.variants]  # -1 is the last: never above


def labels_of(serial: str, model: str) -> Labels:
    """What rules may ask about a drive of a history. Drive Stats does not say what kind a drive is; its SSDs do."""
    kind = "ssd" if any(word in model.upper() for word in _SSD) else "hdd"
    return {"device": serial, "disk": serial, "serial": serial, "model": model, "slot": SLOT, "disk_kind": kind}


def step(
    history: History, rules: Iterable[Rule], model: RiskModel | None, progress: Callable[[int], None] = lambda _: None
) -> Stepped:
    """Judge every day of the history; ``progress`` is told the drive-days of each round."""
    engine = Engine(rules)
    keys: list[Key] = [(serial, serial) for serial in history.serials]
    labels = history.labels
    if labels is None:
        labels = [labels_of(serial, name) for serial, name in zip(history.serials, history.models, strict=True)]
    known = dict(zip(keys, labels, strict=True))
    scored = np.array([known[key].get("disk_kind") == "hdd" for key in keys])
    scorer = None if model is None else Scorer(model, len(keys))
    scores = np.full(history.rows, np.nan)
    variants = np.full(history.rows, -1, dtype=np.intp)
    changes: list[Change] = []
    for day, rows in history.rounds():
        drives = history.drives[rows]
        at = np.full(len(drives), day * DAY)
        metrics = {name: column[rows] for name, column in history.metrics.items()}
        changes += engine.observe(Kind.DISK, [keys[n] for n in drives.tolist()], known.__getitem__, at, metrics)
        if scorer is not None:
            risk = scorer.risk(drives, at, metrics)
            scores[rows] = np.where(scored[drives], risk.probability, np.nan)
            variants[rows] = risk.variant
        progress(len(drives))
    return Stepped(changes, scores, variants)
