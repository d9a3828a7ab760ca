"""The text of ``zpool status -p`` (zpool-status(8)) as arrays. Pure. ``-p`` writes counters out in full."""

import re
from dataclasses import dataclass

from forewarn_wire import Array

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)% done")
_NUMBERED_VDEV = re.compile(r"((?:mirror|raidz[123]?|draid[123]?[^-]*|spare|replacing|indirect))-\d+")
# Below these stand disks that hold no data of their own, or copies of it.
_SECTIONS = frozenset({"logs", "cache", "spares", "special", "dedup"})
_BAD = frozenset({"DEGRADED", "FAULTED", "OFFLINE", "UNAVAIL", "REMOVED", "SUSPENDED"})


@dataclass(frozen=True)
class _Row:
    depth: int
    name: str
    state: str
    counters: tuple[int | None, ...]


def parse_status(text: str) -> list[Array]:
    """One array for each pool. Raise ValueError where the text is neither pools nor the word that there are none."""
    pools = re.split(r"(?m)^\s*pool: ", text)
    if len(pools) == 1 and "no pools available" not in text and text.strip():
        raise ValueError(f"zpool status says neither pools nor none: {text.strip()[:100]!r}")
    return [_pool(part) for part in pools[1:]]


def _pool(text: str) -> Array:
    name = text.split("\n", 1)[0].strip()
    stated = re.search(r"(?m)^\s*state: (\S+)", text)
    state = stated[1] if stated else ""
    rows = _rows(text)
    leaves = [
        row for row, below in zip(rows, [*rows[1:], None], strict=True) if below is None or below.depth <= row.depth
    ]
    members = [row for row in leaves if row.depth > 0 and row.state not in ("AVAIL", "INUSE")]
    failed = [row for row in members if row.state in _BAD]
    vdevs = [match[1] for row in rows if (match := _NUMBERED_VDEV.fullmatch(row.name))]
    array = Array(
        name=name[:200],
        type="zfs",
        level=next((vdev for vdev in vdevs if vdev not in ("spare", "replacing", "indirect")), "stripe"),
        state=state,
        members=[row.name[:200] for row in members][:256],
        failed_members=[f"{row.name} {row.state}"[:200] for row in failed][:256],
        degraded=state in _BAD if state in _BAD or state == "ONLINE" else None,
        members_missing=len(failed) if members else None,
    )
    scan = re.search(r"(?ms)^\s*scan: (.*?)^config:", text)
    action = scan and re.match(r"(resilver|scrub) in progress", scan[1])
    array.action = action[1] if action else ""
    array.rebuilding = array.action == "resilver"
    if action and scan and (percent := _PERCENT.search(scan[1])):
        array.action_percent = float(percent[1])
    counters = [row.counters for row in members]
    sums = [_sum([row[column] for row in counters]) for column in range(3)]
    array.read_errors, array.write_errors, array.checksum_errors = sums
    array.errors = _sum(sums)
    return array


def _rows(text: str) -> list[_Row]:
    """The rows below NAME STATE READ WRITE CKSUM; two blanks of indent are one step down."""
    lines = text.split("NAME", 1)[-1].splitlines()[1:]
    rows = []
    in_section = False
    for line in lines:
        words = line.split()
        if not words or line.startswith("errors:"):
            break
        depth = (len(line.lstrip("\t")) - len(line.lstrip())) // 2
        if len(words) == 1 and words[0] in _SECTIONS:
            in_section = words[0] in ("cache", "spares")
        elif len(words) >= 2 and not in_section:
            numbers = [int(word) if word.isdigit() else None for word in words[2:5]]
            rows.append(_Row(depth, words[0], words[1], tuple(numbers + [None] * (3 - len(numbers)))))
    return rows


def _sum(counters: list[int | None]) -> int | None:
    known = [count for count in counters if count is not None]
    return sum(known) if known and len(known) == len(counters) else None
