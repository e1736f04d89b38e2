"""The ``goodpix`` program: commands in the order of the help, and exit statuses."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ..schema.errors import GoodpixError
from .ingest import check, demo, ingest
from .output import say
from .query import AS_THEY_STAND, LISTINGS, at, dashboard, epoch_map, epochs, info, listing, mask, sql
from .signals import stoppable
from .sky import sky
from .streams import guarded_streams
from .upkeep import gc, rebuild, upgrade, verify

__all__ = ["app", "main"]

# Extras that install the optional libraries.
_EXTRAS = {
    "matplotlib": "plot",
    "psycopg": "postgres",
    "distributed": "dask",
    "panel": "dashboard",
    "bokeh": "dashboard",
}

app = typer.Typer(
    help="A catalogue of good background pixels.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command()(ingest)
app.command()(epochs)
for _name, _meaning in LISTINGS.items():
    app.command(_name, help=_meaning)(listing(_name))
app.command(context_settings=AS_THEY_STAND)(at)
app.command()(mask)
app.command()(check)
app.command("map")(epoch_map)
app.command()(sky)
app.command()(sql)
app.command()(verify)
app.command()(rebuild)
app.command()(gc)
app.command()(dashboard)

db_app = typer.Typer(help="The database of a catalogue.", no_args_is_help=True, rich_markup_mode=None)
db_app.command()(info)
db_app.command()(upgrade)
app.add_typer(db_app, name="db")


def main() -> None:
    """Run the command line; a `GoodpixError` prints one line and exits 2, an interrupt exits 130 or 143."""
    with guarded_streams():
        try:
            with stoppable("stopped"):
                try:
                    app(prog_name="goodpix")
                finally:
                    sys.stdout.flush()
        except GoodpixError as error:
            _fail(str(error))
        except ModuleNotFoundError as error:
            extra = _EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            _fail(f"{error.name} is not installed: pip install 'goodpix[{extra}]'")
        except FileNotFoundError:
            if _has_working_folder():
                raise
            _fail("the working folder no longer exists: change to another one")


def _fail(message: str) -> NoReturn:
    say(f"goodpix: {message}")
    sys.exit(2)


def _has_working_folder() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"goodpix {version('goodpix')}")
        raise typer.Exit


@app.callback()
def goodpix(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Show which pixels of a survey are sky, and why the others are not."""
