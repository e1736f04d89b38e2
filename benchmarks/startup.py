"""Start-up time.

Against a Python that does nothing, and one that imports numpy and fitsio. The kernels are already
compiled, which the first run after an installation does.
"""

import shutil

from goodpix.ingest.synthetic import SMALL, make_tile

from .bench import Bench
from .measure import Contender, Goal, GoalKind, Measured, Result, race
from .processes import goodpix_command, ingest_command, python_command, run_program
from .tiles import absolute

__all__ = ["run"]

_PASS, _IMPORTS = 'python -c "pass"', 'python -c "import numpy, fitsio"'
_HELP, _IMPORT = "goodpix --help", 'python -c "import goodpix"'
_INGEST, _EPOCHS = "goodpix ingest of the demo tile", "goodpix epochs of the demo tile"


def run(bench: Bench) -> list[Result]:
    """Measure the start-up of four commands."""
    with bench.scratch() as folder:
        survey, catalogue, made = folder / "survey", folder / "catalogue", folder / "made"
        tiles = [absolute("small", survey, path, folder) for path in make_tile(survey, SMALL)]

        def empty() -> None:
            shutil.rmtree(catalogue, ignore_errors=True)
            catalogue.mkdir()

        made.mkdir()
        run_program(ingest_command(tiles, made))
        list_epochs = goodpix_command("epochs", "--db", made / "goodpix.db")
        contenders = [
            Contender(_HELP, lambda: run_program(goodpix_command("--help"))),
            Contender(_IMPORT, lambda: run_program(python_command("import goodpix"))),
            Contender(_INGEST, lambda: run_program(ingest_command(tiles, catalogue)), empty),
            Contender(_EPOCHS, lambda: run_program(list_epochs)),
            Contender(_PASS, lambda: run_program(python_command("pass"))),
            Contender(_IMPORTS, lambda: run_program(python_command("import numpy, fitsio"))),
        ]
        measured = Measured("startup", "small tile, 2 bands", "s", race(contenders, bench.rounds(9, 3)).times)
    return [
        measured.row(_HELP, peer=_PASS, goal=Goal(GoalKind.AT_MOST, 0.2)),
        measured.row(_IMPORT, peer=_PASS, goal=Goal(GoalKind.AT_MOST, 0.05)),
        measured.row(_INGEST, peer=_IMPORTS, goal=Goal(GoalKind.AT_MOST, 1.2)),
        measured.row(_EPOCHS, peer=_IMPORTS, goal=Goal(GoalKind.AT_MOST, 0.8)),
        measured.row(_PASS),
        measured.row(_IMPORTS),
    ]
