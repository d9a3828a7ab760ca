"""The example configurations load, and say nothing that the programs do not know."""

from pathlib import Path

import pytest
import yaml

from forewarn_agent.config import ConfigError as AgentConfigError
from forewarn_agent.config import load_config as load_agent_config
from forewarn_collector.config import Config
from forewarn_collector.config_file import load_config
from forewarn_collector.directory import Directory, Entry, Whose
from forewarn_collector.people.lookup import People
from forewarn_collector.people.reading import read_directory

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def placed(example: str, etc: str, target: Path) -> Path:
    """The example with ``etc`` elsewhere; the files and directories that it names there are made."""
    text = (DEPLOY / example).read_text()
    for word in text.split():
        if word.startswith(f"{etc}/"):
            path = target / word.removeprefix(f"{etc}/")
            path.mkdir(parents=True) if path.suffix == "" else path.touch()
    path = target / "config.yaml"
    path.write_text(text.replace(etc, str(target)))
    return path


def test_the_collector_s_example_loads(tmp_path: Path) -> None:
    config = load_config(placed("collector.example.yaml", "/etc/forewarn", tmp_path))
    assert config.enrol is not None
    assert config.enrol.names == ["collector.example.org"]
    assert config.data == "/var/lib/forewarn"
    entries = [Entry(Whose(e.customer, e.site, e.engineer), tuple(e.devices)) for e in config.directory]
    assert Directory(entries).whose("acme-12-till-3") == Whose("Acme", "Store 12", "Li Wei")
    assert Directory(entries).whose("acme-7-till-1") == Whose("Acme")


def test_what_is_commented_out_in_it_loads_too(tmp_path: Path) -> None:
    path = placed("collector.example.yaml", "/etc/forewarn", tmp_path)
    lines = path.read_text().splitlines()
    start = lines.index("# broker:")
    while start < len(lines) and lines[start].startswith("# "):
        lines[start] = lines[start].removeprefix("# ")
        start += 1
    path.write_text("\n".join(lines))
    (tmp_path / "broker.password").touch()
    broker = load_config(path).broker
    assert broker is not None
    assert broker.url == "mqtt://127.0.0.1:1883"


def test_every_section_is_shown_in_it() -> None:
    text = (DEPLOY / "collector.example.yaml").read_text()
    assert set(yaml.safe_load(text)) | {"broker", "self_check"} == set(Config.__struct_fields__)


def test_the_agent_s_example_loads(tmp_path: Path) -> None:
    config = load_agent_config(placed("agent.example.yaml", "/etc/forewarn-agent", tmp_path))
    assert config.device == "acme-12-till-3"
    assert config.server.tls
    assert config.data == Path("/var/lib/forewarn-agent")


def test_it_does_not_load_while_its_certificates_are_missing() -> None:
    with pytest.raises(AgentConfigError, match=r"tls\.certificate.*is not a file here"):
        load_agent_config(DEPLOY / "agent.example.yaml")


def test_the_example_of_a_directory_is_one() -> None:
    people = People(read_directory(DEPLOY / "directory.example.yaml"))
    assert people.whose("acme-12-till-3") == Whose("Acme", "Store 12", "Li Wei")
    assert set(people.targets("Acme", "Store 12")) == {"critical", "warning"}
