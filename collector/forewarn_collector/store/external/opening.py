"""From the configuration to a history store. Nothing is asked of it yet."""

from forewarn_collector.config_history import HistoryStoreEntry
from forewarn_collector.store.external.address import Login, address_of, secret_in, tls_of
from forewarn_collector.store.external.influxdb import InfluxDB
from forewarn_collector.store.external.interface import HistoryStore
from forewarn_collector.store.external.victoriametrics import VictoriaMetrics


def open_store(entry: HistoryStoreEntry) -> HistoryStore:
    """Raise StoreError for a file that cannot be read. The entry has no mistakes that `store_mistakes` finds."""
    address = address_of(entry.url)
    login = Login(entry.username or "", secret_in(entry.password_file), secret_in(entry.token_file))
    tls = tls_of(entry.ca, entry.certificate, entry.key)
    if address.engine == "influxdb":
        return InfluxDB(address, login, tls)
    read_from = address_of(entry.read_url) if entry.read_url else None
    return VictoriaMetrics(address, login, tls, read_from, [address_of(node) for node in entry.nodes])
