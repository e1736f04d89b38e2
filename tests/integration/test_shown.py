"""What README and docs show runs, line by line as it stands."""

import re
import shlex
from pathlib import Path

import pytest

from goodpix.cli.help import EXAMPLES
from goodpix.demo import run_demo

from .conftest import Run
from .shown import with_answers

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
REFRESH = "to store what it gives now: .venv/bin/python tests/integration/shown.py README.md"


def blocks(text: str, language: str) -> list[str]:
    """Return the blocks of code of a page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """Return the words of each command of the only block of commands of a page."""
    (block,) = blocks(text, "console")
    lines = block.splitlines()
    assert all(line.startswith("$ ") for line in lines), "every command starts with a prompt"
    return [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration, in a folder of the name that the pages use."""
    folder = tmp_path_factory.mktemp("shown") / "goodpix-demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", "put back afterwards")
        run_demo(folder)
    return folder


@pytest.fixture
def here(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds it, which is the working folder."""
    monkeypatch.chdir(made.parent)
    monkeypatch.setenv("MEDS_DIR", str(made / "survey"))
    return made.parent


def run(text: str, cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the commands of a page."""
    for program, *arguments in commands(text):
        if program == "export":
            for setting in arguments:
                monkeypatch.setenv(*setting.split("=", 1))
            continue
        assert program == "goodpix"
        done = cli(*arguments)
        # every third epoch of the demonstration has no background file
        assert done.status == (1 if "--subtract-background" in arguments else 0), done.err


def test_readme_shows_what_is_printed(
    here: Path, cli: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (database,) = re.findall(r"^export GOODPIX_DB=(\S+)$", README, flags=re.MULTILINE)
    monkeypatch.setenv("GOODPIX_DB", database)
    monkeypatch.delenv("MEDS_DIR")

    def ask(arguments: list[str]) -> str:
        done = cli(*arguments)
        assert done.status == 0, done.err
        return done.out + done.err

    def execute(code: str) -> str:
        exec(code, {"__name__": "__main__"})
        return capfd.readouterr().out

    before = set(here.rglob("*"))
    assert with_answers(README, ask, execute) == README, REFRESH
    left = {path.parent.name for path in set(here.rglob("*")) - before}
    assert left == {database.partition("/")[0]}, "what is made lies with the demonstration, which git ignores"


@pytest.mark.parametrize("words", sorted(EXAMPLES.keys() - {"demo", "ingest", "dashboard", "rebuild"}))
def test_the_example_of_a_command_runs(here: Path, cli: Run, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.setenv("GOODPIX_DB", str(here / "goodpix-demo" / "goodpix.db"))
    if words in ("selection show", "selection remove"):
        cli(*shlex.split(EXAMPLES["selection add"])[1:])
    done = cli(*shlex.split(EXAMPLES[words])[1:])
    assert done.status == 0, done.err


def test_what_the_page_about_sky_shows_runs(here: Path, cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOODPIX_DB", "goodpix-demo/goodpix.db")
    text = (ROOT / "docs" / "guide" / "sky.md").read_text()
    run(text, cli, monkeypatch)
    (code,) = blocks(text, "python")
    exec(code, {"__name__": "__main__"})
    assert all((here / name).stat().st_size > 5000 for name in ("widths.png", "definitions.png"))


def test_what_the_page_about_plots_shows_runs(here: Path) -> None:
    short, code = blocks((ROOT / "docs" / "guide" / "plots.md").read_text(), "python")
    exec(code.replace("cat.close()", short + "cat.close()"), {"__name__": "__main__"})
    assert all((here / name).stat().st_size > 5000 for name in ("mask.png", "time.png"))


def test_what_the_page_about_maps_shows_comes_out(here: Path, cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOODPIX_DB", "goodpix-demo/goodpix.db")
    shown = "".join(blocks((ROOT / "docs" / "guide" / "maps.md").read_text(), "console"))
    answers = re.findall(r"^\$ goodpix (.*)\n((?:(?!\$ ).*\n)*)", shown, flags=re.MULTILINE)
    assert len(answers) == 3
    for arguments, answer in answers:
        done = cli(*shlex.split(arguments))
        assert done.status == 0
        assert sorted([*done.out.splitlines(), *done.err.splitlines()]) == sorted(answer.splitlines())
