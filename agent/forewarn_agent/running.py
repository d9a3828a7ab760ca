"""``forewarn-agent run``: what is in memory for months, and nothing that is needed at the start only."""

import logging
import os
import pickle
import sys
from pathlib import Path

from forewarn_agent.settings import Config


class CannotRunError(Exception):
    """The agent cannot run here; the text says why and what to do."""


def read_apart(path: Path) -> Config | None:
    """The configuration, read by a child process, because a reader of YAML that was loaded once stays in memory. None
    where it is wrong, and where no process can begin as a copy of its parent."""
    if not hasattr(os, "fork"):
        return None
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(path, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        pickled = answer.read()
    os.waitpid(child, 0)
    return pickle.loads(pickled) if pickled else None  # noqa: S301 - a copy of ourselves wrote it


def _answer(path: Path, writing: int) -> None:
    from forewarn_agent.config import ConfigError, load_config

    try:
        with os.fdopen(writing, "wb") as answer:
            answer.write(pickle.dumps(load_config(path)))
    except ConfigError:
        pass
    finally:
        os._exit(0)


def run(config: Config) -> None:
    """Run until SIGTERM or SIGINT. Raise CannotRunError."""
    from forewarn_agent.app import run_until_signal
    from forewarn_agent.single import AlreadyRunningError

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        run_until_signal(config)
    except AlreadyRunningError as error:
        raise CannotRunError(str(error)) from None
    except OSError as error:
        reason = error.strerror or error
        raise CannotRunError(f"{config.data}: {reason}: set data to a writable directory") from None
