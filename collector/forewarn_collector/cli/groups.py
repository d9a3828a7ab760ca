"""Groups of commands whose help says all of each command's first sentence."""

import click


class Commands(click.Group):
    """As click does it, but nothing is cut off: what does not fit goes on in the next line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        longest = 1000
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(longest)) for name, command in found if command is not None]
            )
