"""The configuration's part about a history store beside the journal."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from forewarn_collector.addresses import address_parts, is_loopback
from forewarn_collector.store.external.address import EXAMPLE, Address, address_of

Mistake = tuple[tuple[str | int, ...], str, str]


class HistoryStoreEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A [history store](history-stores.md) that is sent every row: InfluxDB or VictoriaMetrics."""

    url: Annotated[
        str,
        Meta(
            description="its address: influxdb:// or victoriametrics://, with +tls behind the word for TLS",
            examples=["influxdb+tls://influx.example:8086/forewarn"],
        ),
    ]
    username: Annotated[str | None, Meta(description="user at the store", examples=["forewarn"])] = None
    password_file: Annotated[str | None, Meta(description="file that holds the password", examples=["influx.pw"])] = (
        None
    )
    token_file: Annotated[
        str | None, Meta(description="file that holds a token, instead of user and password", examples=["influx.token"])
    ] = None
    ca: Annotated[str | None, Meta(description="CA of the store's certificate", examples=["ca.pem"])] = None
    certificate: Annotated[
        str | None, Meta(description="the collector's own certificate, PEM", examples=["collector.pem"])
    ] = None
    key: Annotated[str | None, Meta(description="its private key, PEM", examples=["collector.key"])] = None
    read_url: Annotated[
        str | None,
        Meta(
            description="where a VictoriaMetrics cluster is read",
            examples=["victoriametrics+tls://vmselect.example:8481/select/0/prometheus"],
        ),
    ] = None
    nodes: Annotated[
        list[str],
        Meta(
            description="the storage nodes of a VictoriaMetrics cluster, whose restarts are watched",
            examples=[["victoriametrics+tls://vmstorage-1.example:8482"]],
        ),
    ] = []


def history_mistakes(entry: HistoryStoreEntry) -> list[Mistake]:
    """What the types cannot tell of it."""
    named: list[tuple[tuple[str | int, ...], str | None]] = [(("url",), entry.url), (("read_url",), entry.read_url)]
    named += [(("nodes", number), node) for number, node in enumerate(entry.nodes)]
    addresses = [(path, url, _address(url)) for path, url in named if url is not None]
    found = [
        (path, wrong, f"write {EXAMPLE}") for path, url, address in addresses if (wrong := _wrong_with(url, address))
    ]
    engines = {address.engine for _, _, address in addresses if isinstance(address, Address)}
    if "influxdb" in engines and len(addresses) > 1:
        found.append(((addresses[1][0][0],), "only a VictoriaMetrics cluster has it", "remove it"))
    if entry.token_file is not None and entry.username is not None:
        found.append((("token_file",), "username stands beside it", "keep one of them"))
    for one, other in (
        ("username", "password_file"),
        ("password_file", "username"),
        ("key", "certificate"),
        ("certificate", "key"),
    ):
        if getattr(entry, one) is not None and getattr(entry, other) is None:
            found.append(((one,), f"it needs store.history.{other} beside it", f"add {other}, or remove {one}"))
    for name in ("password_file", "token_file", "ca", "certificate", "key"):
        file = getattr(entry, name)
        if file is not None and not Path(file).is_file():
            found.append(((name,), "there is no such file", "give the path of a readable file"))
    return found


def _address(url: str) -> Address | str:
    """Or what is wrong with it."""
    try:
        return address_of(url)
    except ValueError as error:
        return str(error)


def _wrong_with(url: str, address: Address | str) -> str | None:
    if isinstance(address, str):
        return address
    scheme, host = address_parts(url)
    return None if scheme.endswith("+tls") or is_loopback(host) else "plain text is for loopback only"
