"""What the rules would have said, had reports that came late come in their turn.

The engine judges nothing that is older than what it has judged already. So a stretch of a device's history that was
missing is stepped through by another engine, from before it to the newest report. What rose in that stretch and was
never recorded is a change at its own time; where it has not ended yet, the judge's engine takes over its timers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import numpy as np

from forewarn_collector.judge.rounds import Past
from forewarn_collector.tickets.model import Recorded, Subject
from forewarn_rules import Change, Engine, Key, Kind
from forewarn_rules.model import LEVELS, Labels
from forewarn_rules.snapshot import Snapshot, decode_snapshot, encode_snapshot


def replayed(
    engine: Engine, pasts: Iterable[Past], start: float, labels: Callable[[Kind, Key], Labels]
) -> list[Change]:
    """Step a fresh engine through the history of a series' components; return what changed after ``start``."""
    together: dict[Kind, list[Past]] = defaultdict(list)
    for past in pasts:
        together[past.kind].append(past)
    changes: list[Change] = []
    for kind, several in together.items():
        at = several[0].at
        first = int(np.searchsorted(at, start, "right"))
        if first:
            for past in several:
                before = {metric: values[:first] for metric, values in past.metrics.items()}
                engine.warm_history(kind, past.key, at[:first], before)
        metrics = sorted({metric for past in several for metric in past.metrics})
        unknown = np.full(len(at), np.nan)
        table = {metric: np.array([past.metrics.get(metric, unknown) for past in several]) for metric in metrics}
        keys = [past.key for past in several]
        for n in range(first, len(at)):
            now = np.full(len(keys), at[n])
            columns = {metric: values[:, n] for metric, values in table.items()}
            changes += engine.observe(kind, keys, partial(labels, kind), now, columns)
    return changes


def missed(
    changes: Sequence[Change], start: float, end: float, recorded: Mapping[Subject, Sequence[Recorded]]
) -> list[Change]:
    """Of what a replay changed: what rose between ``start`` and ``end`` and is not known, with how it went on."""
    by_subject: dict[Subject, list[Change]] = defaultdict(list)
    for change in changes:
        by_subject[change.rule, change.kind, change.key].append(change)
    found = []
    for subject, mine in by_subject.items():
        known = recorded.get(subject, ())
        for n, change in enumerate(mine):
            if change.before == LEVELS[0] and start < change.at < end:
                episode = _until_calm(mine[n:])
                over = episode[-1].at if episode[-1].after == LEVELS[0] else np.inf
                if not _is_known(change.at, over, known):
                    found += episode
    return sorted(found, key=lambda change: change.at)


def _until_calm(changes: Sequence[Change]) -> list[Change]:
    ends = [n for n, change in enumerate(changes) if change.after == LEVELS[0]]
    return list(changes[: ends[0] + 1 if ends else None])


def _is_known(began: float, over: float, known: Sequence[Recorded]) -> bool:
    """Whether the rule spoke at that time, or began to while this would still have lasted."""
    before = [change for change in known if change.at <= began]
    if before and before[-1].after != LEVELS[0]:
        return True
    return any(began <= change.at <= over and change.after != LEVELS[0] for change in known)


def take_over(engine: Engine, replay: Engine, changes: Iterable[Change]) -> None:
    """Let the judge's engine go on with what a replay left raised."""
    last = {(change.kind, change.key, change.rule): change for change in changes}
    for (kind, key, rule), change in last.items():
        theirs = replay.snapshot(kind, key)
        if change.after == LEVELS[0] or theirs is None:
            continue
        state = decode_snapshot(theirs)
        ours = engine.snapshot(kind, key)
        kept = Snapshot(last_at=state.last_at, baselines={}) if ours is None else decode_snapshot(ours)
        kept.rules[rule] = state.rules[rule]
        kept.labels = kept.labels or state.labels
        engine.restore(kind, key, encode_snapshot(kept))
