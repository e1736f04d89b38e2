"""Run as a program: a page with what its commands and its Python print.

    python shown.py PAGE

Makes the demonstration in a temporary folder, runs there in order what PAGE shows, and stores what it prints now.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

__all__ = ["with_answers"]

_BLOCK = re.compile(r"(```(console|python)\n)(.*?)(```)", re.DOTALL)
_PRINT = re.compile(r"^(print\(.*\))  # .*$", re.MULTILINE)


def with_answers(text: str, ask: Callable[[list[str]], str], run: Callable[[str], str]) -> str:
    """Return a page with the present answers.

    Parameters
    ----------
    text : str
        The page. After ``$ goodpix ...`` in a block ``console`` stands what it prints, and after a ``print`` of one
        line in a block ``python``, as a comment, the line that it prints.
    ask : callable
        Takes the arguments of a command and returns what it prints.
    run : callable
        Takes code and returns what it prints.
    """

    def answered(block: re.Match[str]) -> str:
        begin, language, body, end = block.groups()
        return f"{begin}{_of_commands(body, ask) if language == 'console' else _of_code(body, run)}{end}"

    return _BLOCK.sub(answered, text)


def _of_commands(body: str, ask: Callable[[list[str]], str]) -> str:
    commands = [line for line in body.splitlines() if line.startswith("$ goodpix ")]
    return "".join(f"{each}\n{ask(shlex.split(each, comments=True)[2:])}" for each in commands)


def _of_code(body: str, run: Callable[[str], str]) -> str:
    lines = iter(run(body).splitlines())
    return _PRINT.sub(lambda found: f"{found[1]}  # {next(lines)}", body)


def main(page: Path) -> None:
    """Store in a page what it shows."""
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "MEDS_DIR")}
    environment["GOODPIX_DB"] = "goodpix-demo/goodpix.db"
    with tempfile.TemporaryDirectory() as folder:

        def printed(*arguments: str) -> str:
            done = subprocess.run(
                [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
            )
            return done.stdout + done.stderr

        printed("-m", "goodpix", "demo", "goodpix-demo")
        text = page.read_text()
        page.write_text(
            with_answers(text, lambda words: printed("-m", "goodpix", *words), lambda code: printed("-c", code))
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
