"""Levels that contradict themselves: found by trying the values around every limit."""

import itertools
from collections.abc import Iterable

import numpy as np

from forewarn_rules.conditions import Compare, Condition, leaves
from forewarn_rules.verdicts import TRUE, Verdict

_MOST = 100_000


def contradiction(raises: Condition, clears: Condition) -> str | None:
    """Say for which values a level is raised and cleared at once, or that nothing can raise or clear it; None if it is
    sound."""
    compares = [*leaves(raises), *leaves(clears)]
    names = sorted({name for compare in compares for name in (compare.signal, compare.other) if name is not None})
    tried = [_around(name, compares) for name in names]
    if np.prod([float(len(values)) for values in tried]) <= _MOST:
        grid = np.array(list(itertools.product(*tried))).T
    else:
        random = np.random.default_rng(0)
        grid = np.array([random.choice(values, _MOST) for values in tried])
    columns = {name: n for n, name in enumerate(names)}
    raised, cleared = Verdict([(raises, columns), (clears, columns)])(grid)
    both = np.flatnonzero((raised == TRUE) & (cleared == TRUE))
    if both.size:
        example = ", ".join(f"{name} = {grid[n, both[0]]:.10g}" for n, name in enumerate(names))
        return f"raise and clear are both true at {example}"
    if not (raised == TRUE).any():
        return "nothing can make the raise condition true"
    return None if (cleared == TRUE).any() else "nothing can make the clear condition true: it would stand for ever"


def raises_on_nothing(raises: Condition, counting: Iterable[str]) -> bool:
    """Whether the level is raised where nothing was measured: every signal is unknown, but for those that count what
    was seen (``counting``), which are 0."""
    known = set(counting)
    names = sorted({name for leaf in leaves(raises) for name in (leaf.signal, leaf.other) if name is not None})
    nothing = np.array([[0.0 if name in known else np.nan] for name in names])
    return bool(Verdict([(raises, {name: n for n, name in enumerate(names)})])(nothing)[0, 0] == TRUE)


def _around(name: str, compares: Iterable[Compare]) -> list[float]:
    """Values worth trying for a signal: each limit it meets, and a little below and above it."""
    compares = list(compares)
    limits = {0.0}
    for compare in compares:
        if compare.comparison == "any_bit" and compare.signal == name:
            bits = [1 << bit for bit in range(48) if compare.bits >> bit & 1]
            limits.update(float(sum(chosen)) for chosen in itertools.product(*((0, bit) for bit in bits[:10])))
        elif compare.other is not None and name in (compare.signal, compare.other):
            limits.update(_along(compare, name == compare.signal, compares))
        elif compare.signal == name:
            limits.add(compare.limit)
    steps = [max(1.0, abs(limit)) * 1e-6 for limit in limits]
    return sorted(
        {value for limit, step in zip(limits, steps, strict=True) for value in (limit - step, limit, limit + step)}
    )


def _along(compare: Compare, is_left: bool, compares: Iterable[Compare]) -> Iterable[float]:
    """For a limit that is another signal: the constants that either side meets, and where the other side is then."""
    constants = [other.limit for other in compares if other.other is None] or [0.0]
    if compare.times != 1:
        constants.append(100.0)  # at 0 every share of a signal is the same
    yield from constants
    for value in constants:
        for shift in (-compare.limit, compare.limit):
            yield value * compare.times + shift if is_left else (value + shift) / compare.times
