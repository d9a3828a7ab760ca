"""What the numbers mean: rules as data, and the engine that evaluates them. Pure: values and times are passed in."""

from forewarn_rules.accepted import Acceptance
from forewarn_rules.account import Account, LevelAccount, Observation, Sign, Timer
from forewarn_rules.cases import CaseResult, run_rule_tests
from forewarn_rules.document import Problem, RuleFileErrors
from forewarn_rules.engine import Engine
from forewarn_rules.labels import LABELS
from forewarn_rules.load import RuleSet, load_rules
from forewarn_rules.metrics import METRICS, Metric, find_metric
from forewarn_rules.model import FAULTS, LEVELS, PART_LABEL, Change, Forecast, Key, Kind, Labels, Standing
from forewarn_rules.rule import Rule
from forewarn_rules.switched_off import SwitchedOff
from forewarn_rules.weighed import Weighed

__all__ = [
    "FAULTS",
    "LABELS",
    "LEVELS",
    "METRICS",
    "PART_LABEL",
    "Acceptance",
    "Account",
    "CaseResult",
    "Change",
    "Engine",
    "Forecast",
    "Key",
    "Kind",
    "Labels",
    "LevelAccount",
    "Metric",
    "Observation",
    "Problem",
    "Rule",
    "RuleFileErrors",
    "RuleSet",
    "Sign",
    "Standing",
    "SwitchedOff",
    "Timer",
    "Weighed",
    "find_metric",
    "load_rules",
    "run_rule_tests",
]
