"""The collector's configuration: every key with its meaning, its default and an example. Read by ``config_file``."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from forewarn_collector.addresses import address_parts, is_loopback
from forewarn_collector.config_destinations import DestinationEntry, destination_mistakes
from forewarn_collector.config_store import Store, store_mistakes
from forewarn_collector.config_tickets import Tickets
from forewarn_collector.notify.config import Notify, notify_mistakes

Port = Annotated[int, Meta(ge=0, le=65535, description="TCP port; 0 takes a free one", examples=[1883])]
Address = Annotated[str, Meta(description="IP address to listen on", examples=["127.0.0.1"])]
CLIENT_ID = "collector"
PathText = Annotated[str, Meta(min_length=1, description="path of a file or directory", examples=["forewarn.pem"])]


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """TLS of the MQTT listener. With it every client must show a certificate; its common name is the device."""

    certificate: Annotated[str, Meta(description="the collector's certificate chain, PEM", examples=["server.pem"])]
    key: Annotated[str, Meta(description="its private key, PEM", examples=["server.key"])]
    client_ca: Annotated[str, Meta(description="CA that signed the devices' certificates", examples=["ca.pem"])]


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """The collector's own MQTT 5 front door."""

    enabled: Annotated[bool, Meta(description="off when a broker is the only front door", examples=[True])] = True
    address: Address = "127.0.0.1"
    port: Port = 1883
    tls: Tls | None = None
    max_packet_bytes: Annotated[
        int, Meta(ge=1024, le=2**28, description="larger packets end the connection", examples=[262144])
    ] = 262_144
    connections_per_address: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="open at once from one address (IPv6: one /64), and how many may come at once",
            examples=[2000],
        ),
    ] = 10_000
    connections_per_second: Annotated[
        float,
        Meta(
            gt=0,
            le=100_000,
            description="new ones of one address, in the long run; one that fails or is refused counts as ten",
            examples=[20],
        ),
    ] = 100.0
    messages_per_second: Annotated[
        float,
        Meta(
            gt=0,
            le=1_000_000,
            description="of one device, after ten seconds' worth at once; beyond it the device is read more slowly",
            examples=[50],
        ),
    ] = 1_000.0


class ApiTls(msgspec.Struct, frozen=True, kw_only=True):
    """TLS of the API. Without it the API is for loopback only."""

    certificate: Annotated[str, Meta(description="the API's certificate chain, PEM", examples=["server.pem"])]
    key: Annotated[str, Meta(description="its private key, PEM", examples=["server.key"])]


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """The HTTP API: for the command line, on this machine and on others, and for programs."""

    address: Address = "127.0.0.1"
    port: Annotated[Port, Meta(examples=[8383])] = 8383
    tls: ApiTls | None = None
    url: Annotated[
        str | None,
        Meta(description="how users reach it, for one-time links", examples=["https://forewarn.example"]),
    ] = None
    proxies: Annotated[
        list[str],
        Meta(description="reverse proxies that are believed where a request comes from", examples=[["127.0.0.1"]]),
    ] = []
    requests_per_minute: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="of one token, or one address without a token", examples=[600]),
    ] = 1_200


class Enrol(msgspec.Struct, frozen=True, kw_only=True):
    """Machines get their identity here, over HTTPS, from forewarn's own authority; the front door then asks for it."""

    address: Annotated[Address, Meta(examples=["0.0.0.0"])] = "127.0.0.1"  # noqa: S104 - an example
    port: Annotated[Port, Meta(examples=[8443])] = 8443
    names: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=253)]],
        Meta(
            min_length=1,
            description="DNS names or IP addresses by which machines reach this collector; the first is told to them",
            examples=[["collector.example.org"]],
        ),
    ]
    server: Annotated[
        str | None,
        Meta(description="where enrolled machines report; default the own front door", examples=["mqtts://mq:8883"]),
    ] = None
    certificate_days: Annotated[
        float, Meta(gt=0, le=3650, description="how long a device's certificate serves", examples=[180])
    ] = 180.0


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """A broker as the other front door."""

    url: Annotated[str, Meta(description="mqtt:// or mqtts:// address", examples=["mqtts://broker.example:8883"])]
    client_id: Annotated[str, Meta(min_length=1, description="MQTT client id", examples=["collector"])] = CLIENT_ID
    username: Annotated[str | None, Meta(description="user at the broker", examples=["collector"])] = None
    password_file: Annotated[str | None, Meta(description="file that holds the password", examples=["mqtt.pw"])] = None
    group: Annotated[
        str | None, Meta(description="share the load with collectors of this group", examples=["forewarn"])
    ] = None
    ca: Annotated[str | None, Meta(description="CA of the broker's certificate", examples=["ca.pem"])] = None
    certificate: Annotated[
        str | None, Meta(description="the collector's own certificate, PEM", examples=["collector.pem"])
    ] = None
    key: Annotated[str | None, Meta(description="its private key, PEM", examples=["collector.key"])] = None
    files: Annotated[
        str | None,
        Meta(
            description="directory where Mosquitto reads authorities, revocations and access rights",
            examples=["/etc/mosquitto/forewarn"],
        ),
    ] = None
    pid_file: Annotated[
        str | None,
        Meta(description="a local Mosquitto is told by SIGHUP", examples=["/run/mosquitto/mosquitto.pid"]),
    ] = None


class Disable(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that is switched off. With several of customer, site, model and device all must fit; with none it is off
    everywhere. What it had raised ends at the next report."""

    rule: Annotated[str, Meta(min_length=1, description="the rule's id", examples=["device-silent"])]
    customer: Annotated[str | None, Meta(description="only of this customer, or pattern", examples=["Acme*"])] = None
    site: Annotated[str | None, Meta(description="only at this site, or pattern", examples=["Store 1*"])] = None
    model: Annotated[str | None, Meta(description="only disks of this model", examples=["ST4000DM*"])] = None
    device: Annotated[str | None, Meta(description="only on this device, or pattern", examples=["lab-*"])] = None


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Rules beside the built-in ones."""

    directories: Annotated[
        list[str], Meta(description="directories with rule files of your own", examples=[["my-rules"]])
    ] = []
    disable: list[Disable] = []


class SelfCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The collector watches itself: a canary report goes the whole way, and while all is well somebody is told so."""

    every_seconds: Annotated[
        Annotated[int, Meta(ge=1, le=3600)] | None,
        Meta(description="how often; null switches canary and ping off", examples=[60]),
    ] = 60
    ping_url: Annotated[
        str | None,
        Meta(description="asked while nothing troubles the collector", examples=["https://ping.example/forewarn"]),
    ] = None
    ping_url_file: Annotated[
        str | None, Meta(description="file that holds this address, if it is a secret", examples=["ping.url"])
    ] = None


class DirectoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Whose devices they are, the simple form: the first entry that matches a device wins. An applied
    [directory](directory.md) goes before it."""

    customer: Annotated[str, Meta(min_length=1, max_length=200, description="the customer", examples=["Acme"])]
    site: Annotated[str, Meta(max_length=200, description="the site", examples=["Store 12"])] = ""
    engineer: Annotated[str, Meta(max_length=200, description="who is responsible", examples=["Li Wei"])] = ""
    tags: Annotated[
        list[Annotated[str, Meta(pattern="^[^,]+$")]],
        Meta(description="words that rules can select these devices by", examples=[["server", "24x7"]]),
    ] = []
    devices: Annotated[list[str], Meta(min_length=1, description="names or patterns", examples=[["acme-12-*"]])]


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file. Every key may be left out; a file is needed only to leave the defaults."""

    data: Annotated[str | None, Meta(description="where everything is kept", examples=["/var/lib/forewarn"])] = None
    listen: Listen = Listen()
    api: Api = Api()
    enrol: Enrol | None = None
    broker: Broker | None = None
    store: Store = Store()
    rules: Rules = Rules()
    tickets: Tickets = Tickets()
    self_check: SelfCheck = SelfCheck()
    destinations: list[DestinationEntry] = []
    directory: list[DirectoryEntry] = []
    notify: Notify = Notify()


def mistakes(config: Config) -> list[tuple[tuple[str | int, ...], str, str]]:
    """What the types cannot tell: (path, what is wrong, remedy) for each. Reads no network, only looks for files."""
    found: list[tuple[tuple[str | int, ...], str, str]] = []
    if config.data == "":
        found.append((("data",), "this is empty", "name a directory, or remove the line"))
    if not config.listen.enabled and config.broker is None:
        found.append((("listen", "enabled"), "no front door is left", "set it to true, or name a broker"))
    if config.listen.enabled and not _is_address(config.listen.address):
        found.append((("listen", "address"), "not an IP address", "write 127.0.0.1, or 0.0.0.0 for every network"))
    elif config.listen.enabled and not (config.listen.tls or config.enrol) and not is_loopback(config.listen.address):
        found.append(
            (("listen", "address"), "plain text is for loopback only", "use 127.0.0.1, or add enrol or listen.tls")
        )
    found += _api_mistakes(config.api)
    found += _enrol_mistakes(config)
    found += _broker_mistakes(config.broker)
    found += _ping_mistakes(config.self_check)
    found += _file_mistakes(config)
    found += store_mistakes(config.store)
    if config.store.journal and config.broker and config.broker.group is None:
        found.append((("broker", "group"), "every collector would get every report", "name a group, such as forewarn"))
    found += destination_mistakes(config.destinations)
    found += notify_mistakes(config.notify)
    return found


def _api_mistakes(api: Api) -> list[tuple[tuple[str | int, ...], str, str]]:
    found: list[tuple[tuple[str | int, ...], str, str]] = []
    if not _is_address(api.address):
        found.append((("api", "address"), "not an IP address", "write 127.0.0.1, or 0.0.0.0 for every network"))
    elif api.tls is None and not is_loopback(api.address):
        found.append((("api", "address"), "plain text is for loopback only", "use 127.0.0.1, or add api.tls"))
    if api.url is not None and (address_parts(api.url)[0] not in ("http", "https") or not address_parts(api.url)[1]):
        found.append((("api", "url"), "not an http or https address", "write https://HOST"))
    for index, proxy in enumerate(api.proxies):
        if not _is_address(proxy) or proxy == "localhost":
            found.append((("api", "proxies", index), "not an IP address", "write an address such as 10.0.0.5"))
    return found


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return text == "localhost"
    return True


def _enrol_mistakes(config: Config) -> list[tuple[tuple[str | int, ...], str, str]]:
    enrol = config.enrol
    if enrol is None:
        return []
    found: list[tuple[tuple[str | int, ...], str, str]] = []
    if not _is_address(enrol.address):
        found.append((("enrol", "address"), "not an IP address", "write 0.0.0.0 for every network"))
    for index, name in enumerate(enrol.names):
        if not _is_host(name):
            found.append((("enrol", "names", index), "not a host", "write a DNS name or an IP address"))
    if enrol.server is not None and (address_parts(enrol.server)[0] != "mqtts" or not address_parts(enrol.server)[1]):
        found.append((("enrol", "server"), "not an MQTT address with TLS", "write mqtts://HOST:8883"))
    if enrol.server is None and not config.listen.enabled:
        found.append((("enrol", "server"), "no front door of its own is on", "write the broker's mqtts://HOST:8883"))
    return found


def _is_host(name: str) -> bool:
    labels = name.split(".")
    return _is_address(name) or all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label) for label in labels)


def _broker_mistakes(broker: Broker | None) -> list[tuple[tuple[str | int, ...], str, str]]:
    if broker is None:
        return []
    found: list[tuple[tuple[str | int, ...], str, str]] = []
    scheme, host = address_parts(broker.url)
    if scheme not in ("mqtt", "mqtts") or not host:
        found.append((("broker", "url"), "not an MQTT address", "write mqtts://HOST:8883 or mqtt://127.0.0.1:1883"))
    elif "@" in broker.url:
        found.append((("broker", "url"), "a password stands in it", "use broker.username and broker.password_file"))
    elif scheme == "mqtt" and not is_loopback(host):
        found.append((("broker", "url"), "plain text is for loopback only", "write mqtts://HOST:8883"))
    if (broker.certificate is None) != (broker.key is None):
        lone, other = ("certificate", "key") if broker.key is None else ("key", "certificate")
        found.append((("broker", lone), f"it needs broker.{other} beside it", f"add {other}, or remove {lone}"))
    if broker.pid_file is not None and broker.files is None:
        found.append((("broker", "pid_file"), "it serves nothing without broker.files", "add files, or remove it"))
    if broker.group is not None and (not broker.group or set(broker.group) & set("/+#")):
        found.append((("broker", "group"), "not a name of a group", "write a word without / + #"))
    return found


def ping_url_problem(url: str) -> str | None:
    """What is wrong with the address of a ping, without repeating it: it may be a secret."""
    scheme, host = address_parts(url)
    if scheme not in ("http", "https") or not host:
        return "not an http or https address"
    return None if scheme == "https" or is_loopback(host) else "it would go in plain text"


def _ping_mistakes(check: SelfCheck) -> list[tuple[tuple[str | int, ...], str, str]]:
    if check.ping_url is not None and check.ping_url_file is not None:
        return [(("self_check", "ping_url_file"), "ping_url stands beside it", "keep one of them")]
    if check.ping_url is not None and (problem := ping_url_problem(check.ping_url)):
        return [(("self_check", "ping_url"), problem, "write https://HOST/PATH")]
    return []


def _file_mistakes(config: Config) -> list[tuple[tuple[str | int, ...], str, str]]:
    named: list[tuple[tuple[str | int, ...], str | None]] = []
    if config.listen.tls:
        named += [(("listen", "tls", key), getattr(config.listen.tls, key)) for key in Tls.__struct_fields__]
    if config.api.tls:
        named += [(("api", "tls", key), getattr(config.api.tls, key)) for key in ApiTls.__struct_fields__]
    if config.broker:
        files = ("password_file", "ca", "certificate", "key")
        named += [(("broker", key), getattr(config.broker, key)) for key in files]
    named.append((("self_check", "ping_url_file"), config.self_check.ping_url_file))
    missing = [(path, name) for path, name in named if name is not None and not Path(name).is_file()]
    found = [(path, "there is no such file", "give the path of a readable file") for path, _ in missing]
    if config.broker and config.broker.files is not None and not Path(config.broker.files).is_dir():
        found.append((("broker", "files"), "there is no such directory", "make it, readable by the broker's group"))
    for index, directory in enumerate(config.rules.directories):
        if not Path(directory).is_dir():
            found.append((("rules", "directories", index), "there is no such directory", "make it, or remove the line"))
    return found
