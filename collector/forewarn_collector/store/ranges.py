"""Which sequence numbers of one boot arrived: closed ranges, exact whatever the order of arrival. Pure."""

from bisect import bisect_right

MOST_RANGES = 1000
"""Lost reports leave a handful. Numbers by chance, as no agent gives them, must not take ever more memory and time."""


class Ranges:
    """A set of whole numbers from 0 on, kept as closed ranges that neither touch nor overlap."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    @classmethod
    def parse(cls, text: str) -> "Ranges":
        """Read what `str` wrote: ``"1-500,502-600,700"``. Raise ValueError if it is something else."""
        ranges = cls()
        for part in filter(None, text.split(",")):
            first, _, last = part.partition("-")
            ranges._firsts.append(int(first))
            ranges._lasts.append(int(last or first))
        bounds = [bound for pair in ranges.pairs() for bound in pair]
        if bounds != sorted(bounds):
            raise ValueError(f"ranges out of order: {text[:80]!r}")
        return ranges

    def __str__(self) -> str:
        pairs = zip(self._firsts, self._lasts, strict=True)
        return ",".join([f"{first}-{last}" if first != last else str(first) for first, last in pairs])

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._firsts, number) - 1
        return index >= 0 and number <= self._lasts[index]

    def pairs(self) -> list[tuple[int, int]]:
        return list(zip(self._firsts, self._lasts, strict=True))

    @property
    def last(self) -> int:
        """The greatest number in it; 0 when it is empty."""
        return self._lasts[-1] if self._lasts else 0

    def add(self, number: int) -> bool:
        """Add a number; False if it was in already."""
        firsts, lasts = self._firsts, self._lasts
        if lasts and number == lasts[-1] + 1:  # nearly every report
            lasts[-1] = number
            return True
        index = bisect_right(firsts, number) - 1
        if index >= 0 and number <= lasts[index]:
            return False
        joins_left = index >= 0 and lasts[index] == number - 1
        joins_right = index + 1 < len(firsts) and firsts[index + 1] == number + 1
        if joins_left and joins_right:
            lasts[index] = lasts.pop(index + 1)
            del firsts[index + 1]
        elif joins_left:
            lasts[index] = number
        elif joins_right:
            firsts[index + 1] = number
        else:
            firsts.insert(index + 1, number)
            lasts.insert(index + 1, number)
        return True

    def is_one_too_many(self, number: int) -> bool:
        """Whether a number would be a range of its own beyond the most that are kept."""
        if len(self._firsts) < MOST_RANGES or number in self:
            return False
        return number - 1 not in self and number + 1 not in self

    def gaps(self) -> list[tuple[int, int]]:
        """The holes before and between the ranges, counted from 1."""
        holes = []
        expected = 1
        for first, last in self.pairs():
            if first > expected:
                holes.append((expected, first - 1))
            expected = last + 1
        return holes
