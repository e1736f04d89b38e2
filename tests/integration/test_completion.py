"""Words that shells complete from the catalogue, asked as bash does, and in bash."""

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator

import pexpect
import pytest

from .conftest import Run
from .survey import FIRST, SPEC, Survey


@pytest.fixture
def complete(cli: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Survey], list[str]]:
    """Return how a shell would go on with a command line."""

    def words(line: str, survey: Survey) -> list[str]:
        with monkeypatch.context() as patch:
            patch.setenv("_GOODPIX_COMPLETE", "complete_bash")
            patch.setenv("COMP_WORDS", line)
            patch.setenv("COMP_CWORD", str(line.count(" ")))
            patch.setenv("GOODPIX_DB", str(survey.database))
            done = cli()
        assert done.err == ""
        return done.out.split()

    return words


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("goodpix epochs --tile DES", [SPEC.tilename]),
        ("goodpix mask x ", ["i", "r"]),
        ("goodpix ccds --sort nit", ["nite"]),
        ("goodpix tiles --min n_good_u", ["n_good_unique="]),
        ("goodpix sky --ignore-bit SE:ST", ["SE:STAR", "SE:STREAK"]),
        ("goodpix sky --grow COADD_S", ["COADD_SEG="]),
        ("goodpix epochs --ignore OFF", ["OFF_COADD"]),
        ("goodpix bits --bit STR", ["STREAK"]),
        ("goodpix epochs --columns expnum,cc", ["expnum,ccdnum"]),
        ("goodpix epochs --sort -fw", ["-fwhm", "-fwhm_arcsec"]),
        ("goodpix ccds --sort nite,-fw", ["nite,-fwhm", "nite,-fwhm_arcsec"]),
        ("goodpix epochs --sort fwhm --wi", ["--wide"]),
        (f"goodpix mask {SPEC.tilename} r {str(FIRST)[:3]}", [str(FIRST + k) for k in range(3)]),
        (f"goodpix check {SPEC.tilename} i ", [str(FIRST + 3 + k) for k in range(3)]),
        (f"goodpix epochs --expnum {FIRST}", [str(FIRST)]),
        ("goodpix ccds --nite 2016", ["20160930", *(str(20161001 + k) for k in range(5))]),
        (f"goodpix map {SPEC.tilename[:4]}", [SPEC.tilename]),
        ("goodpix selection list --columns name,d", ["name,description"]),
        ("goodpix bits --bit COADD:", ["COADD:NO_DATA", "COADD:OTHER"]),
        ("goodpix bits --plane c", ["coadd"]),
        ("goodpix bits --plane COADD --bit ", ["COADD:NO_DATA", "COADD:OTHER", "NO_DATA", "OTHER"]),
        ("goodpix bits --plane coadd --plane se --bit STR", ["STREAK"]),
        ("goodpix epochs --min fwhm", ["fwhm=", "fwhm_arcsec="]),
        ("goodpix exposures --max mean_fw", ["mean_fwhm=", "mean_fwhm_arcsec="]),
        ("goodpix epochs --min tile", []),
        ("goodpix ccds --nite 20161001:20160", []),
        (f"goodpix epochs --expnum {FIRST}:2010", [f"{FIRST}:{FIRST + k}" for k in range(1, 6)]),
        ("goodpix epochs --db no-such.db --tile D", []),
    ],
)
def test_shells_complete_words_from_the_catalogue(
    ingested: Survey, complete: Callable[[str, Survey], list[str]], line: str, expected: list[str]
) -> None:
    assert complete(line, ingested) == expected


def test_shells_complete_named_selections(
    survey: Survey, cli: Run, complete: Callable[[str, Survey], list[str]]
) -> None:
    survey.ingest()
    assert cli("selection", "add", "wide", "--border", "3", "--db", survey.database).status == 0
    assert complete("goodpix epochs --selection wi", survey) == ["wide"]
    assert complete("goodpix selection show ", survey) == ["wide"]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, Survey], str]]:
    """Return what stands on the line of a real bash after a tab, with the completion that the program shows."""
    home = tmp_path_factory.mktemp("home")
    program = home / "goodpix"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m goodpix "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "HOME": str(home), "PATH": f"{home}:{os.environ['PATH']}", "INPUTRC": os.devnull}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    bash = pexpect.spawn("bash", ["--norc", "-i"], env=environment, encoding="utf-8", timeout=60, dimensions=(50, 200))
    for line in (
        "PS1= PS2=; bind 'set enable-bracketed-paste off'; bind 'set show-all-if-ambiguous off'; stty -echo",
        "goodpix --install-completion; source ~/.bash_completions/goodpix.sh",
        r"""written() { printf '\n\x02%s\x03' "$READLINE_LINE"; }; bind -x '"\C-xl": written'""",
        r"printf '\x02ready\x03'",
    ):
        bash.sendline(line)
    bash.expect_exact("\x02ready\x03")

    def completed(line: str, survey: Survey) -> str:
        bash.sendline(f"export GOODPIX_DB={shlex.quote(str(survey.database))}")
        bash.send(f"{line}\t\x18l")
        bash.expect("\x02([^\x02\x03]*)\x03")
        assert isinstance(bash.match, re.Match)
        bash.send("\x15")
        return str(bash.match[1])

    yield completed
    bash.close(force=True)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("goodpix epochs --ti", "goodpix epochs --tile "),
        ("goodpix epochs --tile DES", f"goodpix epochs --tile {SPEC.tilename} "),
        ("goodpix epochs --tile=DES", f"goodpix epochs --tile={SPEC.tilename} "),
        ("goodpix sky --ignore-bit SE:STR", "goodpix sky --ignore-bit SE:STREAK "),
        ("goodpix sky --ignore-bit=SE:STR", "goodpix sky --ignore-bit=SE:STREAK "),
        ("goodpix sky --ignore-bit SE:S", "goodpix sky --ignore-bit SE:S"),
        ("goodpix epochs --expnum 201000:2010", "goodpix epochs --expnum 201000:20100"),
        ("goodpix ccds --nite 20161004:", "goodpix ccds --nite 20161004:20161005 "),
        ("goodpix epochs --min mjd", "goodpix epochs --min mjd_obs="),
        ("goodpix epochs --min mjd_obs=", "goodpix epochs --min mjd_obs="),
        ("goodpix sky --grow SE:STREA", "goodpix sky --grow SE:STREAK="),
        ("goodpix bits --plane coadd --bit N", "goodpix bits --plane coadd --bit NO_DATA "),
        ("goodpix epochs --sort nite,-fwhm_a", "goodpix epochs --sort nite,-fwhm_arcsec "),
    ],
)
def test_bash_completes_words_with_colons_and_equals_signs(
    ingested: Survey, terminal: Callable[[str, Survey], str], line: str, expected: str
) -> None:
    assert terminal(line, ingested) == expected


def test_bash_completes_words_that_it_does_not_end_at_colons(
    ingested: Survey, terminal: Callable[[str, Survey], str]
) -> None:
    for marks, line in (("", "SE:STR"), ("=", "SE:STR")):
        before = f"COMP_WORDBREAKS=$' \\t\\n{marks}'; goodpix sky --ignore-bit "
        assert terminal(f"{before}{line}", ingested) == f"{before}SE:STREAK "


@pytest.mark.parametrize("shell", ["zsh", "fish", "bash"])
def test_completion_is_shown_for_each_shell(cli: Run, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setattr("shellingham.detect_shell", lambda: (shell, shell))
    done = cli("--show-completion")
    assert (done.status, done.err) == (0, "")
    assert f"_GOODPIX_COMPLETE=complete_{shell}" in done.out
    assert ("compopt -o nospace" in done.out) == (shell == "bash")
