"""Mistakes in a configuration that the types of its keys cannot tell. Reads no network, only looks for files."""

import ipaddress
import re
from pathlib import Path

from forewarn_collector.addresses import address_parts, is_loopback
from forewarn_collector.config import Api, ApiTls, Broker, Config, SelfCheck, Tls
from forewarn_collector.config_destinations import destination_mistakes
from forewarn_collector.config_history import Mistake
from forewarn_collector.config_store import store_mistakes
from forewarn_collector.notify.config import notify_mistakes


def mistakes(config: Config) -> list[Mistake]:
    """(path, what is wrong, remedy) for each."""
    found: list[Mistake] = []
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


def _api_mistakes(api: Api) -> list[Mistake]:
    found: list[Mistake] = []
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


def _enrol_mistakes(config: Config) -> list[Mistake]:
    enrol = config.enrol
    if enrol is None:
        return []
    found: list[Mistake] = []
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


def _broker_mistakes(broker: Broker | None) -> list[Mistake]:
    if broker is None:
        return []
    found: list[Mistake] = []
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


def _ping_mistakes(check: SelfCheck) -> list[Mistake]:
    if check.ping_url is not None and check.ping_url_file is not None:
        return [(("self_check", "ping_url_file"), "ping_url stands beside it", "keep one of them")]
    if check.ping_url is not None and (problem := ping_url_problem(check.ping_url)):
        return [(("self_check", "ping_url"), problem, "write https://HOST/PATH")]
    return []


def _file_mistakes(config: Config) -> list[Mistake]:
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
