"""Small rules written inside a test."""

from collections.abc import Callable
from pathlib import Path

import pytest

from forewarn_rules import RuleSet, load_rules

RULE = """\
schema: 1
id: {id}
title: Something
status: stable
since: 2026-11-23
{head}
explain: {{what: "{what}", why: "It matters.", do: ["Look."]}}
ticket: {{fault: other, queue: service desk}}
"""

TEST = """\
rule: {id}
step: 1h
cases:
  - {{name: raises, series: {{{metric}: "1"}}, expect: [{{at: 0h, level: warning}}]}}
  - {{name: calm, series: {{{metric}: "0"}}, expect: [{{at: 0h, level: none}}]}}
"""

WriteRule = Callable[..., RuleSet]


@pytest.fixture
def write_rules(tmp_path: Path) -> WriteRule:
    """Load rules from texts: name = everything between ``since`` and ``explain``. Their own tests are not run."""

    def write(metric: str = "memory.used_percent", what: str = "It is so.", **heads: str) -> RuleSet:
        for name, head in heads.items():
            rule = name.replace("_", "-")
            (tmp_path / f"{rule}.yaml").write_text(RULE.format(id=rule, head=head.strip(), what=what))
            (tmp_path / f"{rule}.test.yaml").write_text(TEST.format(id=rule, metric=metric))
        return load_rules(builtin=False, directories=[tmp_path])

    return write
