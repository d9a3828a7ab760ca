"""Every kind of destination, by the word that the configuration has for it."""

from collections.abc import Mapping

from forewarn_collector.tickets import webhook
from forewarn_collector.tickets.systems import rt
from forewarn_collector.tickets.systems.kind import Kind

KINDS: Mapping[str, Kind] = {
    "rt": rt.KIND,
    "webhook": webhook.KIND,
}
