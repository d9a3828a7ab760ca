"""What a rule makes of the components of one device, for those who ask why it speaks, or why not."""

from collections.abc import Iterator

from forewarn_collector.api.not_here import NotHere, no_such_device
from forewarn_collector.api.views import Explained
from forewarn_collector.judge.counters import series_kind
from forewarn_collector.judge.judges import Judges
from forewarn_collector.judge.rounds import KIND_OF_PREFIX
from forewarn_collector.store.history import History
from forewarn_collector.store.reader import Reader
from forewarn_rules import PART_LABEL, Kind


class Explanations:
    def __init__(self, reader: Reader, history: History, judge: Judges) -> None:
        self._reader = reader
        self._history = history
        self._judge = judge

    def explain(self, rule_id: str, device: str) -> Explained:
        """Raise NotHere for an unknown rule or device, and for a device that has nothing of the rule's kind."""
        rule = self._judge.rules.get(rule_id)
        if rule is None:
            raise NotHere(f"there is no rule {rule_id!r}; `forewarn rules list` shows them all")
        if self._reader.device(device) is None:
            raise no_such_device(device)
        parts = sorted(set(self._parts(rule.kind, device)))
        if not parts:
            raise NotHere(f"{device} has reported no {rule.kind} yet, and {rule.id} judges nothing else")
        accounts = [self._judge.account(rule, (device, part)) for part in parts]
        return Explained(rule=rule.id, title=rule.title, status=rule.status, device=device, accounts=accounts)

    def _parts(self, kind: Kind, device: str) -> Iterator[str]:
        """What the device has of a kind now, and what is no longer there while a rule still speaks of it."""
        if kind is Kind.LIVENESS:
            yield ""
        for series in self._reader.series_of(device):
            if series.kind != series_kind(kind):
                continue
            latest = self._history.latest(device, series.kind, series.part)
            if latest is None:
                continue
            if series.kind == "smart" or PART_LABEL[kind] is None:
                yield series.part
                continue
            for field in latest.values:
                metric, _, instance = field.partition("|")
                if KIND_OF_PREFIX.get(metric.split(".", 1)[0]) is kind:
                    yield instance
        yield from (part for raised, (name, part) in self._judge.raised() if raised is kind and name == device)
