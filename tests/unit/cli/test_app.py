"""The program: its commands, their help, and how errors end it."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from goodpix.cli.app import app, main
from goodpix.schema.errors import UsageError


def commands(group: Any = None, *path: str) -> list[tuple[str, Any]]:
    """Return every command of the command line by its words."""
    found = group or typer.main.get_command(app)
    inside = getattr(found, "commands", {})
    return [
        (" ".join(path), found),
        *(each for name, command in inside.items() for each in commands(command, *path, name)),
    ]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Run the program with a command that raises an error."""
    monkeypatch.setattr(app, "registered_commands", [*app.registered_commands])
    monkeypatch.setattr(sys, "argv", ["goodpix", "fail"])

    def failing(error: BaseException) -> None:
        @app.command()
        def fail() -> None:
            raise error

        main()

    return failing


@pytest.mark.parametrize(("words", "command"), [pytest.param(*each, id=each[0] or "goodpix") for each in commands()])
def test_every_command_and_option_has_a_help_text(words: str, command: Any) -> None:
    assert (command.help or "").strip()
    silent = [each.name for each in command.params if each.name != "help" and not getattr(each, "help", "")]
    assert silent == []


@pytest.mark.parametrize("words", [each[0] for each in commands()])
def test_help_exits_0(words: str) -> None:
    done = CliRunner().invoke(app, [*words.split(), "--help"], prog_name="goodpix")
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"Usage: goodpix {words}".strip() in done.stdout


def test_every_command_of_this_version_is_there() -> None:
    tables = {"epochs", "tiles", "ccds", "exposures", "bits", "failures"}
    others = {"demo", "ingest", "profiles", "describe", "at", "mask", "check", "map", "moc", "sky", "sql", "dashboard"}
    others |= {"verify", "rebuild", "gc", "doctor", "blank-sky", "randoms"}
    groups = {"db": ("info", "upgrade"), "selection": ("add", "list", "show", "remove")}
    grouped = {f"{group} {each}" for group, names in groups.items() for each in names}
    assert {words for words, _ in commands()} == {"", *tables, *others, *groups, *grouped}


def test_version_is_the_packages() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith("goodpix 0.")


def test_error_is_one_line_and_exits_2(
    run: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        run(UsageError("box is 0: expected rows and columns"))
    assert capsys.readouterr() == ("", "goodpix: box is 0: expected rows and columns\n")


@pytest.mark.parametrize(
    ("library", "extra"), [("matplotlib.figure", "plot"), ("psycopg", "postgres"), ("bokeh.models", "dashboard")]
)
def test_library_that_is_not_installed_is_named_with_its_extra(
    library: str, extra: str, run: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        run(ModuleNotFoundError(f"No module named {library!r}", name=library))
    name = library.partition(".")[0]
    how = f"pip install 'goodpix[{extra}]', or in a checkout pip install '.[{extra}]'"
    assert capsys.readouterr().err == f"goodpix: {name} is not installed: {how}\n"


def test_module_of_no_extra_is_a_bug_and_shown_as_one(run: Callable[[BaseException], None]) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"goodpix\.nothing"):
        run(ModuleNotFoundError("No module named 'goodpix.nothing'", name="goodpix.nothing"))


def program(first: str, *words: str) -> tuple[int, str]:
    """Run the program after a line of Python; return its exit status and output."""
    lines = f"import sys, atexit, threading, time\nfrom goodpix.cli import program\n{first}\nprogram()"
    done = subprocess.run([sys.executable, "-c", lines, *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_program_ends_without_removing_objects() -> None:
    one = "class One:\n    def __del__(self): print('removed')\none = One()"
    status, out = program(one, "--version")
    assert (status, out.startswith("goodpix "), "removed" in out) == (0, True, False)


def test_what_is_to_be_done_at_the_end_is_done() -> None:
    status, out = program("atexit.register(print, 'at the end')", "nothing")
    assert (status, out) == (2, "at the end\n")


def test_threads_are_waited_for() -> None:
    wait = "threading.Thread(target=lambda: (threading.main_thread().join(), print('done'))).start()"
    status, out = program(wait, "--version")
    assert (status, out.endswith("done\n")) == (0, True)


def test_threads_that_read_are_left_after_a_signal() -> None:
    first = (
        "threading.Thread(target=threading.Event().wait).start()\n"
        "def main(): sys.exit(143)\n"
        "sys.modules['goodpix.cli.app'].main = main"
    )
    assert program(first) == (143, "")


@pytest.mark.parametrize("code", ["'one line'", "[1]"])
def test_exit_code_that_is_no_number_is_left_to_the_interpreter(code: str) -> None:
    first = f"def main(): sys.exit({code})\nsys.modules['goodpix.cli.app'].main = main"
    assert program(first)[0] == 1
