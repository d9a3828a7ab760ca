"""The programs of the operating system that tell what no file does, each with a time limit; or what they once said."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from forewarn_agent.runner import Finished, HungError, MissingError, Runner
from forewarn_wire import Outcome

# Windows' own words for errors (MI_Result), whatever language it speaks.
_MEANINGS = (
    ("AccessDenied", Outcome.NO_ACCESS),
    ("NotSupported", Outcome.NOT_HERE),
    ("InvalidClass", Outcome.NOT_HERE),
)


@dataclass(frozen=True)
class Command:
    """``name`` is also the file of a recorded output. Its output serves for ``keep`` seconds, a failure too: none of
    these programs is started at every report."""

    name: str
    arguments: tuple[str, ...]
    seconds: float = 20.0
    keep: float = 0.0


class FailedError(Exception):
    """The program ended with an error; the text says which, and how it put it, ``outcome`` what that means."""

    @property
    def outcome(self) -> Outcome:
        return next((outcome for word, outcome in _MEANINGS if word in str(self)), Outcome.UNREADABLE)


class Commands:
    """Asks programs. With ``recorded``, a directory, none is started: the file called like the command is its output,
    and ``<name>.failed`` that of a run that ended with an error."""

    def __init__(
        self, runner: Runner, recorded: Path | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._runner = runner
        self._recorded = recorded
        self._clock = clock
        self._kept: dict[Command, tuple[float, str | Exception]] = {}

    def output(self, command: Command) -> str:
        """Raise MissingError, HungError or FailedError."""
        until, result = self._kept.get(command, (0.0, ""))
        if self._clock() >= until:
            try:
                result = self._ask(command)
            except (MissingError, HungError, FailedError) as error:
                result = error
            if command.keep:
                self._kept[command] = (self._clock() + command.keep, result)
        if isinstance(result, Exception):
            raise result
        return result

    def _ask(self, command: Command) -> str:
        finished = self._replayed(command) if self._recorded else self._run(command)
        text = decoded(finished.output)
        if finished.exit_status:
            raise FailedError(f"{command.arguments[0]} ended with {finished.exit_status}: {text.strip()[:300]}")
        return text

    def _run(self, command: Command) -> Finished:
        return self._runner.run(command.name, list(command.arguments), command.seconds)

    def _replayed(self, command: Command) -> Finished:
        assert self._recorded is not None
        for name, exit_status in ((command.name, 0), (f"{command.name}.failed", 1)):
            try:
                return Finished((self._recorded / name).read_bytes(), exit_status)
            except OSError:
                continue
        raise MissingError(f"{command.arguments[0]}: no recorded output {command.name}")


def decoded(output: bytes) -> str:
    """Windows writes UTF-16 with its mark, UTF-8 with or without, or a code page, of which only ASCII is sure."""
    if output[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return output.decode("utf-16", errors="replace")
    return output.decode("utf-8-sig", errors="replace")
