"""``forewarn completion``"""

import click
from click.shell_completion import get_completion_class

from forewarn_collector.cli.session import json_option, print_json


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
@click.pass_context
def completion(context: click.Context, shell: str, as_json: bool) -> None:
    """Print the completion script of a shell.

    Device names and ticket numbers are completed from the running collector.

    \b
    bash: forewarn completion bash > ~/.local/share/bash-completion/completions/forewarn
    zsh:  forewarn completion zsh > a file _forewarn in a directory of $fpath
    fish: forewarn completion fish > ~/.config/fish/completions/forewarn.fish

    Example: source <(forewarn completion bash)
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, "forewarn", "_FOREWARN_COMPLETE").source()
    if as_json:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)
