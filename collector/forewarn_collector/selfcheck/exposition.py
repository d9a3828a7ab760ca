"""The collector's condition in the words of Prometheus: exposition format 0.0.4, written by prometheus_client."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from forewarn_collector.api.views import Health
from forewarn_collector.store.forwarding.view import ForwardingView

CONTENT_TYPE = CONTENT_TYPE_LATEST
NOTIFIED = ("waiting", "parked")
"""States that somebody watches: they are told when they are zero, too."""
COUNTERS: tuple[tuple[str, str, Callable[[Health], float | None]], ...] = (
    ("forewarn_reports_stored", "Reports in the store.", lambda health: health.stored),
    ("forewarn_reports_duplicate", "Reports that were sent twice and dropped.", lambda health: health.duplicates),
    ("forewarn_rows_skipped", "Rows that could not be judged.", lambda health: health.skipped),
    ("forewarn_broker_dropped_messages", "Messages that the broker says it dropped.", lambda h: h.broker_dropped),
)
GAUGES: tuple[tuple[str, str, Callable[[Health], float | None]], ...] = (
    ("forewarn_start_time_seconds", "When the collector started.", lambda health: health.started_at),
    ("forewarn_intake_reports_per_second", "Reports stored, over the last minute.", lambda health: health.intake_rate),
    ("forewarn_intake_queue_messages", "Messages that wait to be written.", lambda health: health.queue),
    ("forewarn_unjudged_rows", "Rows that are not judged.", lambda h: max(0, h.position - h.judged_position)),
    ("forewarn_unjudged_age_seconds", "Age of the oldest of them.", lambda health: health.unjudged_seconds or 0.0),
    ("forewarn_delivery_age_seconds", "Age of the oldest delivery not sent.", lambda h: h.unsent_seconds or 0.0),
    ("forewarn_notification_age_seconds", "Age of the oldest due one not told.", lambda h: h.untold_seconds or 0.0),
    ("forewarn_connections", "Devices connected to the listener.", lambda health: health.connections),
    ("forewarn_devices", "Devices that have ever reported.", lambda health: health.devices),
    ("forewarn_journal_bytes", "Size of the journal.", lambda health: health.file_bytes),
    ("forewarn_troubles", "What troubles the collector.", lambda health: len(health.troubles)),
    (
        "forewarn_ping_arrived_time_seconds",
        "When the last ping arrived.",
        lambda h: h.ping.arrived_at if h.ping else None,
    ),
)


def exposition(health: Health) -> bytes:
    """Every metric of the collector and of its process. What could not be measured is left out."""
    registry = CollectorRegistry()
    registry.register(_Found(list(_families(health))))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Found(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(health: Health) -> Iterator[Metric]:
    build = GaugeMetricFamily("forewarn_build_info", "Version of the collector.", labels=["version"])
    build.add_metric([health.version], 1)
    yield build
    for name, text, value in COUNTERS:
        if (found := value(health)) is not None:
            yield CounterMetricFamily(name, text, value=found)
    for name, text, value in GAUGES:
        if (found := value(health)) is not None:
            yield GaugeMetricFamily(name, text, value=found)
    yield _labelled(GaugeMetricFamily("forewarn_tickets", "Tickets.", labels=["state"]), health.tickets)
    yield _labelled(GaugeMetricFamily("forewarn_deliveries", "Deliveries.", labels=["state"]), health.deliveries)
    told = GaugeMetricFamily("forewarn_notifications", "Notifications.", labels=["state"])
    yield _labelled(told, {state: health.notifications.get(state, 0) for state in NOTIFIED} | health.notifications)
    letters = CounterMetricFamily("forewarn_dead_letters", "What could not be accepted.", labels=["reason"])
    yield _labelled(letters, health.dead_letter_reasons)
    ended = CounterMetricFamily("forewarn_connections_ended", "Connections that ended.", labels=["reason"])
    yield _labelled(ended, health.connections_ended)
    yield from _canaries(health)
    if health.history:
        yield from _forwarding(health.history)


Family = TypeVar("Family", GaugeMetricFamily, CounterMetricFamily)


def _labelled(family: Family, values: dict[str, int]) -> Family:
    for label, value in values.items():
        family.add_metric([label], value)
    return family


def _canaries(health: Health) -> Iterator[Metric]:
    good = GaugeMetricFamily("forewarn_canary_success", "Whether the newest canary got through.", labels=["door"])
    stored = GaugeMetricFamily("forewarn_canary_stored_seconds", "Until it was stored.", labels=["door"])
    judged = GaugeMetricFamily("forewarn_canary_judged_seconds", "Until it was judged.", labels=["door"])
    for canary in health.canaries:
        good.add_metric([canary.door], 0 if canary.trouble else 1)
        if canary.stored_seconds is not None:
            stored.add_metric([canary.door], canary.stored_seconds)
        if canary.judged_seconds is not None:
            judged.add_metric([canary.door], canary.judged_seconds)
    yield from (good, stored, judged)


def _forwarding(history: ForwardingView) -> Iterator[Metric]:
    age = history.unsent_seconds or 0.0
    yield GaugeMetricFamily(
        "forewarn_history_unsent_rows", "Rows the history store was not sent.", value=history.unsent
    )
    yield GaugeMetricFamily("forewarn_history_unsent_age_seconds", "Age of the oldest of them.", value=age)
    yield GaugeMetricFamily("forewarn_history_unsafe_rows", "Rows sent that it may still lose.", value=history.unsafe)
    yield GaugeMetricFamily("forewarn_history_rows_per_second", "Rows sent, over a minute.", value=history.rate)
    yield CounterMetricFamily("forewarn_history_sent_again_rows", "Rows sent once more.", value=history.again)
    yield CounterMetricFamily("forewarn_history_parked_rows", "Rows that it refused.", value=history.parked)
    yield CounterMetricFamily("forewarn_history_too_old_values", "Values older than it keeps.", value=history.too_old)
    yield GaugeMetricFamily("forewarn_history_up", "Whether it takes rows.", value=0 if history.trouble else 1)
