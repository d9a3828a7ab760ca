"""The collector looks after itself every now and then: canaries fly the whole way, and a ping says so outside."""

from forewarn_collector.repeat import Repeat
from forewarn_collector.selfcheck.health import Condition


class Rounds:
    """None where there are no canaries."""

    def __init__(self, condition: Condition, seconds: float) -> None:
        self._condition = condition
        self._repeat = Repeat("self-check", seconds, self._go_round)

    def start(self) -> None:
        if self._condition.canaries:
            self._repeat.start()

    def end(self) -> None:
        """Begin nothing more."""
        self._repeat.stopping.set()

    def _go_round(self) -> None:
        """Let the canaries fly; if nothing troubles the collector then, say so to the outside."""
        ending = self._repeat.stopping.is_set
        for canary in self._condition.canaries:
            canary.fly(ending)
        if self._condition.ping and not ending() and not self._condition.read().troubles:
            self._condition.ping.send()
