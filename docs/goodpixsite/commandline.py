"""Reference of the command line, made from the commands themselves."""

from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typer.main import get_command

from goodpix.cli import app as program
from goodpix.cli.help import EXAMPLES, GROUPS

__all__ = ["markdown", "setup"]


def markdown() -> str:
    """Return the reference of all commands, in the order of the help."""
    top: Any = get_command(program)
    context = top.make_context("goodpix", ["demo"], resilient_parsing=True)
    lines = []
    for heading, names in GROUPS.items():
        lines += [f"## {heading}", ""]
        for name in names.split():
            command = top.get_command(context, name)
            if command is not None:
                lines += _of(command, name, context)
    return "\n".join(lines)


def _of(command: Any, name: str, parent: Any) -> Iterator[str]:
    """Yield the lines about a command, and those about its commands if it is a group."""
    context = type(parent)(command, info_name=name.rsplit(maxsplit=1)[-1], parent=parent)
    if hasattr(command, "commands"):
        for each, inner in command.commands.items():
            yield from _of(inner, f"{name} {each}", context)
        return
    yield from (f"(command-{name.replace(' ', '-')})=", f"### goodpix {name}", "", command.help or "", "")
    yield from ("```text", *_help(command, context), "```", "")


def _help(command: Any, context: Any) -> Iterator[str]:
    """Yield the usage, options and example as the program prints them, without what the command is for."""
    formatter = context.make_formatter()
    formatter.width = 84
    command.format_usage(context, formatter)
    command.format_options(context, formatter)
    yield from formatter.getvalue().strip().splitlines()
    example = EXAMPLES.get(" ".join(context.command_path.split()[1:]))
    if example:
        yield from ("", "Example:", f"  {example}")


class CommandLine(SphinxDirective):
    """The directive ``{command-line}``, without content."""

    def run(self) -> list[nodes.Node]:
        """Return the reference."""
        return list(self.parse_text_to_nodes(markdown(), allow_section_headings=True))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
