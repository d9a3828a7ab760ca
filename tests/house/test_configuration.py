"""docs/configuration.md is what the types say."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import yaml

from forewarn_collector.config import Config
from forewarn_collector.config_file import load_config
from forewarn_collector.config_reference import Key, keys, reference


def test_the_reference_is_up_to_date(document: Callable[[str], str]) -> None:
    assert document("docs/configuration.md").split("<!-- reference -->\n")[1].rstrip() == reference().rstrip(), (
        "put the output of python -m forewarn_collector.config_reference behind the mark in docs/configuration.md"
    )


def test_the_module_prints_it() -> None:
    command = [sys.executable, "-m", "forewarn_collector.config_reference"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.rstrip() == reference().rstrip()


def sections() -> set[str]:
    return {key.path.rpartition(".")[0] for key in keys()}


def test_every_section_is_reached() -> None:
    assert sections() == {
        "",
        "listen",
        "listen.tls",
        "api",
        "api.tls",
        "enrol",
        "broker",
        "store.history",
        "store.keep",
        "store.state",
        "store.journal",
        "rules",
        "rules.disable[]",
        "tickets",
        "self_check",
        "destinations[]",
        "directory[]",
        "notify",
        "notify.channels[]",
        "notify.engineers[]",
    }
    assert {path.split(".")[0].removesuffix("[]") for path in sections() if path} | {"data"} == set(
        Config.__struct_fields__
    )


@pytest.mark.parametrize("key", list(keys()), ids=lambda key: key.path)
def test_the_example_is_a_value_that_the_key_takes(key: Key, type_of: Callable[..., Any]) -> None:
    assert msgspec.convert(yaml.safe_load(key.example), type_of(Config, key.path)) is not None
    assert key.meaning


def test_the_defaults_are_those_of_no_file() -> None:
    said = {key.path: key.default.strip("`") for key in keys()}
    config = load_config(None)
    assert said["listen.port"] == str(config.listen.port)
    assert said["api.port"] == str(config.api.port)
    assert said["listen.address"] == config.listen.address
    assert said["listen.max_packet_bytes"] == str(config.listen.max_packet_bytes)
