"""The collector's configuration: every key with its meaning, its default and an example. Read by ``config_file``."""

from typing import Annotated

import msgspec
from msgspec import Meta

from forewarn_collector.config_destinations import DestinationEntry
from forewarn_collector.config_store import Store
from forewarn_collector.config_tickets import Tickets
from forewarn_collector.notify.config import Notify

Port = Annotated[int, Meta(ge=0, le=65535, description="TCP port; 0 takes a free one", examples=[1883])]
Address = Annotated[str, Meta(description="IP address to listen on", examples=["127.0.0.1"])]
CLIENT_ID = "collector"


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
