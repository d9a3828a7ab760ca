"""The engine: the same code judges tonight's report and replays years of history.

It holds no clock: every observation brings its time. One call of ``observe`` is a round: any number of components of
one kind, each at most once, evaluated together in columns.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from forewarn_rules import saving
from forewarn_rules.accepted import Acceptance
from forewarn_rules.accepting import accept, accepted_of
from forewarn_rules.account import Account, Observation
from forewarn_rules.components import Components
from forewarn_rules.judge import Judge
from forewarn_rules.model import Change, Key, Kind, Labels, Standing
from forewarn_rules.rule import Rule
from forewarn_rules.snapshot import decode_snapshot, encode_snapshot
from forewarn_rules.standings import account_of, raised, standings


class Engine:
    """Levels of all rules on all components. Not safe for several threads at once."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        kept = list(rules)
        self.rules = {rule.id: rule for rule in kept}
        self._components = {kind: Components(kind, kept) for kind in Kind}
        self._judges = {kind: Judge(components) for kind, components in self._components.items()}

    def metrics(self, kind: Kind) -> tuple[str, ...]:
        """The metrics that any rule reads of this kind; others may be left out of a round."""
        return tuple(self._components[kind].signals.metrics)

    def observe(
        self,
        kind: Kind,
        keys: Sequence[Key],
        labels: Callable[[Key], Labels],
        at: npt.ArrayLike,
        metrics: Mapping[str, npt.ArrayLike],
        told: Sequence[object] | None = None,
    ) -> list[Change]:
        """Judge one observation per component and return the changes of level, in the order of ``keys``.

        ``at`` is each component's own time (Unix seconds), ``metrics`` one column per metric with a value per key; NaN
        and columns that are not there are unknown. An observation not newer than the component's last one is noted in
        the windows where they still reach back to it, and judges nothing. Raise ValueError for a key that comes twice,
        a time that is no number, or a column of another length.

        ``labels`` are read again when they are another object than at the component's last observation: never change
        a mapping that was given. Where to make labels costs something, ``told`` has an object per key instead, which is
        another one when the labels are.
        """
        return self._judges[kind].observe(keys, labels, _checked(keys, at, metrics), metrics, told)

    def warm(self, kind: Kind, keys: Sequence[Key], at: npt.ArrayLike, metrics: Mapping[str, npt.ArrayLike]) -> None:
        """Feed history after a restart, oldest round first: fills the windows and changes no level.

        Feed only what was judged before; what was not belongs in ``observe``. The history that is needed is that of
        the longest window (``reach_back``) and the newest observation before it.
        """
        self._judges[kind].warm(keys, _checked(keys, at, metrics), metrics)

    def warm_history(self, kind: Kind, key: Key, at: npt.ArrayLike, metrics: Mapping[str, npt.ArrayLike]) -> None:
        """As ``warm`` for a component that was not observed yet, with all its observations at once.

        ``at`` ascends strictly, ``metrics`` has one value per time. Raise ValueError otherwise.
        """
        times = np.asarray(at, dtype=np.float64)
        if times.ndim != 1 or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise ValueError("a history needs finite times in ascending order")
        for name, column in metrics.items():
            if np.shape(column) != times.shape:
                raise ValueError(f"the column {name} does not have one value per time")
        self._judges[kind].warm_history(key, times, metrics)

    def reach_back(self, kind: Kind) -> float:
        """Seconds of history that the rules of this kind look back on."""
        signals = self._components[kind].signals.signals
        return max((max(signal.window + signal.bin, signal.within) for signal in signals), default=0.0)

    def snapshot(self, kind: Kind, key: Key) -> bytes | None:
        """What windows cannot give back: levels, timers and baselines as JSON. None for a component at rest."""
        kept = saving.snapshot(self._components[kind], key)
        return None if kept is None else encode_snapshot(kept)

    def unsaved(self, kind: Kind, keys: Sequence[Key]) -> list[tuple[Key, bytes | None]]:
        """Snapshots of those of these components that have others than when they were saved; None where nothing is to
        be kept any more."""
        found = saving.unsaved(self._components[kind], keys)
        return [(key, None if kept is None else encode_snapshot(kept)) for key, kept in found]

    def note_saved(self, kind: Kind, key: Key, snapshot: bytes | None) -> None:
        """This is the component's snapshot now, and it was saved (or taken away where it is None)."""
        saving.note_saved(self._components[kind], key, snapshot is not None)

    def restore(self, kind: Kind, key: Key, snapshot: bytes) -> None:
        """Take up a snapshot. Rules, levels and signals that are no more are left out. Raise ValueError otherwise."""
        saving.restore(self._components[kind], key, decode_snapshot(snapshot))

    def levels(self, kind: Kind, key: Key) -> list[Standing]:
        """Where every rule that applies stands on the component; empty for a component never seen."""
        return standings(self._components[kind], key)

    def account(self, rule_id: str, key: Key, labels: Labels, newest: Observation | None = None) -> Account:
        """What a rule sees on a component, what it makes of that, and what would change it. Changes no level.

        ``newest`` tells what was not reported from what could not be measured, and gives back what a restart lost. It
        is left aside when it is not the one that was judged last. Raise KeyError for a rule that is not there.
        """
        rule = self.rules[rule_id]
        return account_of(self._components[rule.kind], rule, key, labels, newest)

    def accept(
        self, kind: Kind, key: Key, labels: Labels, at: float, values: Mapping[str, float], by: str
    ) -> list[Change]:
        """Take what was measured of a component as known: its counters raise again only when they grow.

        ``values`` are the newest measured values by metric; those that no rule counts are left out, and what was not
        measured is not accepted. Levels that rest on nothing else end at once, as changes at ``at`` that say who did
        it. A component that was never observed has nothing to accept.
        """
        return accept(self._components[kind], key, labels, at, values, by)

    def accepted(self, kind: Kind, key: Key) -> dict[str, Acceptance]:
        """What is accepted of a component now, by metric. A counter that went back has taken it along."""
        return accepted_of(self._components[kind], key)

    def counted(self, kind: Kind) -> frozenset[str]:
        """The metrics of this kind that can be accepted."""
        return self._components[kind].signals.accepted.counted

    def raised(self, kind: Kind) -> dict[Key, str]:
        """The worst level of every component of a kind on which any rule speaks."""
        return raised(self._components[kind])

    def forget(self, kind: Kind, key: Key) -> None:
        """Drop everything about a component: it was taken out, or its clock had been wrong."""
        self._components[kind].forget(key)


def _checked(keys: Sequence[Key], at: npt.ArrayLike, metrics: Mapping[str, npt.ArrayLike]) -> npt.NDArray[np.float64]:
    times = np.asarray(at, dtype=np.float64)
    if times.shape != (len(keys),) or not np.isfinite(times).all():
        raise ValueError("a round needs one finite time per component")
    for name, column in metrics.items():
        if np.shape(column) != (len(keys),):
            raise ValueError(f"the column {name} does not have one value per component")
    return times
