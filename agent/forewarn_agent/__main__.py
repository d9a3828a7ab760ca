"""The program ``forewarn-agent``."""

import sys
from pathlib import Path

from forewarn_agent.running import CannotRunError, read_apart, run


def main() -> None:
    """What a service starts, ``run --config FILE``, does without the library that reads command lines, which would take
    memory for as long as the agent runs. Everything else, and every error in the configuration, is its business."""
    if sys.argv[1:3] == ["run", "--config"] and len(sys.argv) == 4 and (config := read_apart(Path(sys.argv[3]))):
        try:
            run(config)
        except CannotRunError as error:
            sys.exit(f"Error: {error}")
        return
    from forewarn_agent.cli import main as command_line

    command_line(prog_name="forewarn-agent")


if __name__ == "__main__":
    main()
