"""Commands of goodpix in forks of a process that has imported it, so that each starts without delay."""

import multiprocessing
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["PRELOADED", "run_command"]

PRELOADED = [
    "goodpix.cli",
    "goodpix.ingest.database",
    "goodpix.ingest.preload",
    "goodpix.ingest.run",
    "goodpix.ingest.synthetic",
    "goodpix.query.catalogue",
    "goodpix.query.plots",
    "goodpix.query.tables.astropytables",
    "healsparse",
    "matplotlib.backends.backend_agg",
    "scipy.ndimage",
]
"""Modules that commands and notebooks import, each in a second or so."""

_SHELL = frozenset("|&;<>()$`*?[~\n")
_QUOTED = re.compile(r"""'[^']*'|"[^"$`\\]*\"""")


def run_command(command: str, folder: Path, environment: Mapping[str, str], output: Path) -> int | None:
    """Run a command of goodpix, with both of its streams in a file, and return its exit status.

    Returns None, without having run it, if it is not one of goodpix or takes a shell.

    Parameters
    ----------
    command : str
        Command line.
    folder : Path
        Working folder.
    environment : mapping of str to str
        Environment.
    output : Path
        File for what it prints.
    """
    words = shlex.split(command)
    if words[:1] != ["goodpix"] or _SHELL & set(_QUOTED.sub("", command)):
        return None
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=_run, args=(words, str(folder), dict(environment), str(output)))
    process.start()
    process.join()
    return process.exitcode


def _run(words: list[str], folder: str, environment: dict[str, str], output: str) -> None:
    """Become the command."""
    from goodpix.cli import main  # slow, and there already

    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (descriptor, 1), (descriptor, 2)):
        os.dup2(source, target)
    # by lines, as on a terminal, so that the two streams mix as they do there
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = [shutil.which(words[0]) or words[0], *words[1:]]
    main()
