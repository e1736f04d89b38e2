"""Help texts of the command line."""

import re
import shlex
from typing import Any

import pytest
from typer.testing import CliRunner

from goodpix.cli.app import app
from goodpix.cli.help import EXAMPLES, GROUPS

from .test_app import commands

WORDS = [words for words, _ in commands()]
GROUPED = " ".join(GROUPS.values()).split()


def help_of(words: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    return CliRunner().invoke(app, [*words.split(), "--help"], prog_name="goodpix").stdout


@pytest.mark.parametrize("words", WORDS)
def test_help_is_as_wide_as_a_terminal_and_nothing_is_cut_off(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = help_of(words, monkeypatch)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert re.findall(r"[a-z,:]\.\.\.$", text, re.MULTILINE) == []


@pytest.mark.parametrize("words", WORDS)
def test_values_have_plain_names(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.findall(r"<.*?>|[{}]|\blist\[", help_of(words, monkeypatch)) == []


def test_every_command_stands_once_under_a_heading(monkeypatch: pytest.MonkeyPatch) -> None:
    text = help_of("", monkeypatch)
    names = [words for words in WORDS if words and " " not in words]
    assert sorted(set(names) - set(GROUPED)) == []
    assert [len(re.findall(rf"^  {name} ", text, re.MULTILINE)) for name in names] == [1] * len(names)


def is_command(command: Any) -> bool:
    return not hasattr(command, "commands")


@pytest.mark.parametrize("words", ["db", "selection"])
def test_help_of_a_group_ends_with_an_example_of_one_of_its_commands(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert help_of(words, monkeypatch).endswith(f"\nExample:\n  {EXAMPLES[words]}\n")
    assert " ".join(EXAMPLES[words].split()[1:]) in WORDS


@pytest.mark.parametrize("words", [words for words, command in commands() if is_command(command)])
def test_help_ends_with_an_example_of_the_command(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    example = EXAMPLES[words]
    assert help_of(words, monkeypatch).endswith(f"\nExample:\n  {example}\n")
    assert shlex.split(example)[: 1 + len(words.split())] == ["goodpix", *words.split()]


def test_program_alone_shows_where_to_begin() -> None:
    done = CliRunner().invoke(app, [], prog_name="goodpix")
    assert "Where to begin: goodpix demo" in done.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("epochs --limit x", "Invalid value for '--limit': 'x': expected a whole number"),
        ("epochs --limit 1.5", "Invalid value for '--limit': '1.5': expected a whole number"),
        ("epochs --limit -1", "Invalid value for '--limit': '-1': expected 0 or more"),
        ("sql x --timeout x", "Invalid value for '--timeout': 'x': expected a number"),
        ("mask T r x 1", "Invalid value for 'EXPNUM': 'x': expected a whole number"),
        ("dashboard --port 70000", "Invalid value for '--port': '70000': expected 65535 or less"),
        ("bits --plane x", "Invalid value for '--plane': 'x' is not one of 'se', 'coadd'."),
    ],
)
def test_refusal_names_the_value_and_what_was_expected(words: str, says: str) -> None:
    done = CliRunner().invoke(app, words.split(), prog_name="goodpix")
    assert done.exit_code == 2
    assert done.output.splitlines()[-1] == f"Error: {says}"
