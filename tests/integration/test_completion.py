"""Words that shells complete from the catalogue, asked as bash does."""

from collections.abc import Callable

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
        ("goodpix epochs --sort -fw", ["-fwhm"]),
        ("goodpix ccds --sort nite,-fw", ["nite,-fwhm"]),
        ("goodpix epochs --sort fwhm --wi", ["--wide"]),
        (f"goodpix mask {SPEC.tilename} r {str(FIRST)[:3]}", [str(FIRST + k) for k in range(3)]),
        (f"goodpix check {SPEC.tilename} i ", [str(FIRST + 3 + k) for k in range(3)]),
        (f"goodpix epochs --expnum {FIRST}", [str(FIRST)]),
        ("goodpix ccds --nite 2016", ["20160930", *(str(20161001 + k) for k in range(5))]),
        (f"goodpix map {SPEC.tilename[:4]}", [SPEC.tilename]),
        ("goodpix selection list --columns name,d", ["name,description"]),
        ("goodpix bits --bit COADD:", ["COADD:NO_DATA", "COADD:OTHER"]),
        ("goodpix bits --plane c", ["coadd"]),
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
