"""Help texts of the command line: groups of commands, plain names of values, and an example of each command."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from typer import BadParameter
from typer.core import TyperCommand, TyperGroup

from ..schema.errors import expected_by

if TYPE_CHECKING:
    # the click that typer brings has no public name
    from typer._click import Context, HelpFormatter
    from typer._click.shell_completion import CompletionItem

__all__ = ["EXAMPLES", "GROUPS", "Command", "Program"]

GROUPS = {
    "Make a catalogue": "demo ingest profiles describe",
    "Ask it": "tiles epochs ccds exposures bits failures at mask sql dashboard",
    "Sky and maps": "sky map moc blank-sky randoms detector compare alarms",
    "Look after it": "check verify rebuild gc db selection doctor",
}
"""Commands under the headings of the help, in its order."""

EXAMPLES = {
    "demo": "goodpix demo goodpix-demo",
    "ingest": "goodpix ingest $MEDS_DIR --db survey.db --workers 8",
    "profiles": "goodpix profiles",
    "describe": "goodpix describe goodpix-demo/survey",
    "tiles": "goodpix tiles --band r --sort fraction_good_se --limit 10",
    "epochs": "goodpix epochs --band r --min fraction_good_se=0.5 -o epochs.fits",
    "ccds": "goodpix ccds --ccdnum 31 --sort nite --columns nite,fraction_good_se",
    "exposures": "goodpix exposures --nite 20131115: --sort -fraction_good_se",
    "bits": "goodpix bits --plane se --bit STREAK --sort -n_pixels --limit 10",
    "failures": "goodpix failures",
    "at": "goodpix at 22.8785 -32.1003 --band r",
    "mask": "goodpix mask DES0131-3206 r 201000 12 --border 48 -o mask.fits",
    "check": "goodpix check DES0131-3206 r 201000 12",
    "map": "goodpix map --statistic fracdet --statistic maglim --band r -o r.hsp",
    "moc": "goodpix moc --band r -o good.fits",
    "sky": "goodpix sky --band r --grow SE_SEG=8 -o sky.parquet",
    "blank-sky": "goodpix blank-sky 1000 --radius 1.5 --band r --border 48 -o places.reg",
    "randoms": "goodpix randoms --density 100000 --band r -o randoms.parquet",
    "sql": 'goodpix sql "SELECT band, COUNT(*) AS n FROM epoch_quality GROUP BY band"',
    "verify": "goodpix verify --images 10",
    "rebuild": "goodpix rebuild --db new.db --masks goodpix-masks",
    "gc": "goodpix gc",
    "dashboard": "goodpix dashboard --port 5006",
    "doctor": "goodpix doctor",
    "db": "goodpix db info",
    "db info": "goodpix db info",
    "db upgrade": "goodpix db upgrade",
    "selection": "goodpix selection list",
    "selection add": "goodpix selection add shear --border 48 --grow COADD_SEG=8",
    "selection list": "goodpix selection list",
    "selection show": "goodpix selection show shear",
    "selection remove": "goodpix selection remove shear",
}
"""An example of each command and group."""

_BEGIN = """Where to begin: goodpix demo makes a small tile, ingests it and asks it some
questions; goodpix COMMAND --help explains a command, with an example."""

_VALUES = {"str": "TEXT", "path": "FILE", "int": "N", "int range": "N", "float": "X", "float range": "X"}

_LAST = "goodpix.last_word"

_TYPE = re.compile(r" <(.*)>$")


class Command(TyperCommand):
    """A command whose help names values plainly and ends with an example.

    Shells complete the value of an option where it begins with a minus, too.
    """

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Read the arguments; while a word is completed, remember the last one before it."""
        if ctx.resilient_parsing and args:
            ctx.meta[_LAST] = args[-1]
        try:
            return super().parse_args(ctx, args)
        except BadParameter as error:
            # newer versions of typer ask pydantic, whose texts are about programs
            details = getattr(error.__cause__, "errors", None)
            if details is not None:
                error.message = _refusal(details()[0])
            raise

    def shell_complete(self, ctx: "Context", incomplete: str) -> "list[CompletionItem]":
        """Complete an option, or a value that looks like one."""
        last = ctx.meta.get(_LAST)
        for parameter in self.get_params(ctx):
            takes_value = parameter.param_type_name == "option" and not getattr(parameter, "is_flag", False)
            if takes_value and last in parameter.opts:
                return parameter.shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)

    def collect_usage_pieces(self, ctx: "Context") -> list[str]:
        """Return the words of the usage line; those in brackets may be left out."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the arguments and options."""
        rows: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                rows["Arguments"].append((_TYPE.sub("", record[0]), record[1]))
            else:
                rows["Options"].append((_TYPE.sub(_value, record[0]), record[1]))
        for heading, lines in rows.items():
            if lines:
                with formatter.section(heading):
                    formatter.write_dl(lines)

    def format_epilog(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the example."""
        _write_example(ctx, formatter)


class Program(TyperGroup):
    """The program, or a group of commands, whose help shows commands by what they are for."""

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the commands."""
        names = self.list_commands(ctx)
        groups = {heading: [name for name in words.split() if name in names] for heading, words in GROUPS.items()}
        groups["Commands"] = [name for name in names if name not in " ".join(GROUPS.values()).split()]
        for heading, chosen in groups.items():
            commands = {name: self.get_command(ctx, name) for name in chosen}
            lines = [(name, (each.help or "").partition("\n")[0]) for name, each in commands.items() if each]
            if lines:
                with formatter.section(heading):
                    formatter.write_dl(lines)

    def format_epilog(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write where to begin, or the example of a group."""
        if ctx.parent is None:
            formatter.write(f"\n{_BEGIN}\n")
        _write_example(ctx, formatter)


def _refusal(details: Mapping[str, Any]) -> str:
    """Return why a value is refused, by the details of pydantic's error."""
    expected = expected_by(details)
    return f"{details['input']!r}: {expected}" if expected.startswith("expected ") else expected


def _write_example(ctx: "Context", formatter: "HelpFormatter") -> None:
    example = EXAMPLES.get(" ".join(ctx.command_path.split()[1:]))
    if example is not None:
        formatter.write(f"\nExample:\n  {example}\n")


def _value(found: re.Match[str]) -> str:
    """Return the plain name of a value of some type; the words of a choice."""
    return f" {_VALUES.get(found[1], found[1])}"
