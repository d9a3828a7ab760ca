"""docs/directory.md is what the types say, and its example is one."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from forewarn_collector.config_reference import Key, keys, reference
from forewarn_collector.people.reading import read_directory
from forewarn_collector.people.schema import DirectoryFile


def test_the_reference_is_up_to_date(document: Callable[[str], str]) -> None:
    told = document("docs/directory.md").split("<!-- reference -->\n")[1]
    assert told.strip() == reference(DirectoryFile).strip(), (
        "put the output of python -m forewarn_collector.people.reference behind the mark in docs/directory.md"
    )


def test_its_examples_are_directories(document: Callable[[str], str], tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", document("docs/directory.md"), re.S)
    assert blocks
    for block in blocks:
        (tmp_path / "example.yaml").write_text(block, encoding="utf-8")
        assert read_directory(tmp_path / "example.yaml").customers


@pytest.mark.parametrize("key", list(keys(DirectoryFile)), ids=lambda key: key.path)
def test_the_example_is_a_value_that_the_key_takes(key: Key, type_of: Callable[..., Any]) -> None:
    assert msgspec.convert(yaml.safe_load(key.example), type_of(DirectoryFile, key.path)) is not None
    assert key.meaning
