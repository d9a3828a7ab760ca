"""The agent's configuration: what it holds, and reading it from YAML with every mistake named at once."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from forewarn_agent.config_keys import KEYS, computed_default
from forewarn_agent.identity import IdentityError, directory_of, read_identity, with_identity
from forewarn_agent.probes import PROBES
from forewarn_agent.settings import Config, Filesystems, OutboxLimits, Roots, SelfTests, Tls
from forewarn_wire import device_name_problem

# A message may end in a log or a ticket, so a password in an address is not repeated.
_CREDENTIALS = re.compile(r"//[^/]*@")


@dataclass(frozen=True)
class Problem:
    """One mistake: where it is, what stands there, and what to do."""

    path: str
    value: object
    remedy: str

    @property
    def subject(self) -> str:
        if self.value is None:
            return self.path
        return f"{self.path}: {_CREDENTIALS.sub('//***@', str(self.value))[:120]!r}"

    def __str__(self) -> str:
        return f"{self.subject} {self.remedy}" if self.value is not None else f"{self.subject}: {self.remedy}"


class ConfigError(ValueError):
    """All mistakes of one configuration file."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))
        self.problems = problems


class _StrictLoader(yaml.SafeLoader):
    """YAML takes the last of two equal keys without a word; here that is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key!r} is there twice: keep one", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def load_config(path: Path | None) -> Config:
    """Read a configuration file; without one, every key has its default. Raise ConfigError."""
    if path is None:
        return _enrolled("defaults", parse_config("defaults", ""))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(str(path), [Problem("file", None, f"cannot be read: {reason}")]) from None
    return _enrolled(str(path), parse_config(str(path), text))


def _enrolled(source: str, config: Config) -> Config:
    """With what the machine was given by its enrolment, where the file does not say otherwise."""
    try:
        identity = read_identity(directory_of(config))
    except IdentityError as error:
        raise ConfigError(source, [Problem("data", None, str(error))]) from None
    enrolled = with_identity(config, identity)
    if "device" in config.local and enrolled.device != config.device:
        remedy = f"is not the name that this machine was enrolled with: write {enrolled.device}, or remove the line"
        raise ConfigError(source, [Problem("device", config.device, remedy)])
    return enrolled


def parse_config(source: str, text: str) -> Config:
    """Turn YAML text into a Config. Raise ConfigError naming every mistake with its path, value and remedy."""
    try:
        document = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader with one more check
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}" if error.problem_mark else "file"
        raise ConfigError(source, [Problem(line, None, f"is not YAML: {error.problem}")]) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(source, [Problem("file", None, f"is not YAML: {str(error).splitlines()[0]}")]) from None
    if document is None:
        document = {}
    if not isinstance(document, dict):
        problem = Problem("file", document, "must be a mapping of keys to values, such as `device: shop-07`")
        raise ConfigError(source, [problem])
    problems: list[Problem] = []
    given = dict(_flatten(document, problems))
    values = {key.path: computed_default(key) for key in KEYS}
    for key in KEYS:
        if given.get(key.path) is None:
            continue
        try:
            values[key.path] = key.parse(given[key.path])
        except ValueError as error:
            problems.append(Problem(key.path, given[key.path], str(error)))
    problems += _contradictions(values, given, {problem.path for problem in problems})
    if problems:
        raise ConfigError(source, problems)
    return _config(values, frozenset(path for path in given if given[path] is not None))


def _flatten(document: Mapping[object, object], problems: list[Problem]) -> Iterator[tuple[str, object]]:
    """``{roots: {proc: /p}}`` as ``roots.proc``; keys that nobody knows become problems."""
    known = {key.path for key in KEYS}
    sections = {path.split(".")[0] for path in known if "." in path}
    for name, value in document.items():
        if name in sections:
            if value is None:
                continue
            if not isinstance(value, dict):
                problems.append(Problem(str(name), value, "must be a section with keys of its own"))
                continue
            for inner, inner_value in value.items():
                path = f"{name}.{inner}"
                if path in known:
                    yield path, inner_value
                else:
                    problems.append(Problem(path, None, _unknown(path, known)))
        elif name in known:
            yield str(name), value
        else:
            problems.append(Problem(str(name), None, _unknown(str(name), known | sections)))


def _unknown(path: str, known: set[str]) -> str:
    section, dot, name = path.rpartition(".")
    siblings = sorted(key.removeprefix(section + dot) for key in known if key.rpartition(".")[0] == section)
    close = difflib.get_close_matches(name, siblings, n=1)
    if close:
        return f"is not a key of the agent: did you mean {section}{dot}{close[0]}?"
    return f"is not a key of the agent: known are {', '.join(section + dot + sibling for sibling in siblings)}"


def _contradictions(values: Mapping[str, Any], given: Mapping[str, object], wrong: set[str]) -> Iterator[Problem]:
    """What no key can tell alone."""
    if "device" not in given and (fault := device_name_problem(values["device"])):
        yield Problem("device", None, f"is not set and the host name does not serve: {fault}")
    certificate, key = values["tls.certificate"], values["tls.key"]
    if "tls.certificate" in given and not key and "tls.key" not in wrong:
        yield Problem("tls.key", None, "is missing: tls.certificate needs its private key")
    if "tls.key" in given and not certificate and "tls.certificate" not in wrong:
        yield Problem("tls.certificate", None, "is missing: tls.key needs its certificate")
    used = [path for path in given if path.startswith("tls.") and given[path] is not None]
    if used and "server" not in wrong and not values["server"].tls:
        yield Problem(used[0], given[used[0]], "serves nothing with an mqtt:// server: write mqtts://host:8883")


def _config(values: Mapping[str, Any], local: frozenset[str]) -> Config:
    return Config(
        device=values["device"],
        server=values["server"],
        tls=Tls(values["tls.ca"], values["tls.certificate"], values["tls.key"]),
        password_file=values["password_file"],
        data=values["data"],
        load_interval=values["load_interval"],
        smart_interval=values["smart_interval"],
        probes=frozenset(probe.name for probe in PROBES if values[f"probes.{probe.name}"]),
        smartctl=values["smartctl"],
        smartctl_timeout=values["smartctl_timeout"],
        roots=Roots(values["roots.proc"], values["roots.sys"], values["roots.root"], values["roots.recorded"]),
        filesystems=Filesystems(values["filesystems.exclude_fstypes"], values["filesystems.exclude_mounts"]),
        outbox=OutboxLimits(values["outbox.max_bytes"], values["outbox.max_age"], values["outbox.keep"]),
        reconnect_spread=values["reconnect_spread"] or (2.0 if values["server"].loopback else 60.0),
        self_tests=SelfTests(values["self_tests.short"], values["self_tests.extended"]),
        smart_force_after=values["smart_force_after"],
        local=local,
        platform=values["platform"],
        log_interval=values["log_interval"],
    )
