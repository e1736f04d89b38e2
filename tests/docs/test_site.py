"""The documentation: it builds without a warning, and is whole, findable and at home on one machine."""

import inspect
import json
import os
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from sphinx.util.inventory import InventoryFile

import goodpix
from goodpix.cli.help import EXAMPLES

from ..machine import chromium_or_skip
from .conftest import DOCS, Built, build

ANSWERS = {
    "bit 1024": ["1024", "STREAK", "satellite"],
    "CCD 31": ["--exclude decasu-31a", "ccdnum=31,amplifier=A"],
    "fraction_good_on_coadd": ["no pixel of the image falls on the coadd"],
    "DATASUM": ["changed after it was written", "--allow-damaged"],
    "mask in R": ["library(arrow)", "matrix("],
    "SLURM with Postgres": ["SLURMCluster(", "postgresql://"],
    "add a profile": ["goodpix.profiles", "identity"],
}
"""Words of the answer to each question of the front page."""

NOT_RUN = {
    "bibtex": "a citation",
    "console": "tests of the pages on maps, profiles, sky, Postgres and upkeep, or numbers of a machine",
    "java": "tests have no Java",
    "json": "content of a file",
    "julia": "tests have no Julia",
    "python": "test_shown, test_readers, test_dask, test_own_files and test_profiles",
    "r": "tests have no R",
    "sh": "needs a package index, a cluster or a quarter of an hour",
    "sql": "test_bi_doc, test_columns_doc, test_postgres_roles, test_readers",
    "text": "drawings",
    "toml": "test_profiles",
    "yaml": "test_own_files, test_exclusions",
}
"""Languages of code blocks that the build does not run, and what does."""

REFERRED = (
    "goodpix.ingest.synthetic",
    "goodpix.query.palette",
    "goodpix.query.plots",
    "goodpix.query.summary",
    "goodpix.schema.errors",
)
"""Modules besides `goodpix` itself whose public names are all in the reference."""

pytestmark = pytest.mark.slow


WRONG = """# Wrong

```{shell}
$ goodpix tiles
$ goodpix tiles --band r --nonsense
```

```{run-python}
1 / 0
```

```{picture} none.png
Nothing.
```

[nowhere](nowhere.md)
"""
"""A page with one error in each of its parts."""


@pytest.fixture(scope="module")
def site(built: Built) -> Path:
    """The folder of the pages."""
    return built.html


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, str]:
    """The HTML of every page, by its path."""
    found = (path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts)
    return {path.relative_to(site).as_posix(): path.read_text() for path in found}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser that asks no other machine for anything itself."""
    executable = chromium_or_skip()
    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        with playwright.chromium.launch(executable_path=executable, args=quiet) as browser:
            yield browser


def words(html: str) -> str:
    """Return the text of HTML with single blanks."""
    plain = re.sub(r"<[^>]+>", "", html)
    for entity, character in {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&"}.items():
        plain = plain.replace(entity, character)
    return " ".join(plain.split())


def public_members(name: str) -> Iterator[str]:
    """Yield the public methods and properties of a class, those of its bases in goodpix included."""
    for base in getattr(goodpix, name).__mro__:
        if base.__module__.startswith("goodpix"):
            for member, value in vars(base).items():
                if not member.startswith("_") and (inspect.isroutine(value) or isinstance(value, property)):
                    yield f"goodpix.{name}.{member}"


def imported_in_docs() -> Iterator[str]:
    """Yield every name of a module of goodpix that pages and notebooks import."""
    texts = [path.read_text() for path in DOCS.rglob("*.md")]
    for path in DOCS.glob("notebooks/*.ipynb"):
        texts += ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]
    for module, names in re.findall(r"^from (goodpix\b\S*) import ([\w, ]+)", "\n".join(texts), re.MULTILINE):
        for name in map(str.strip, names.split(",")):
            yield f"goodpix.{name}" if name in goodpix.__all__ else f"{module}.{name}"


def test_errors_of_pages_and_notebooks_end_the_build(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(DOCS)!r})\nnb_execution_mode = 'off'\n"
        "extensions = ['goodpixsite.notebooks', 'myst_nb', 'goodpixsite.running']\n"
    )
    (source / "index.md").write_text(WRONG)
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "id": "a",
        "metadata": {},
        "outputs": [],
        "source": "[][5]",
    }
    notebook: dict[str, Any] = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (source / "wrong.ipynb").write_text(json.dumps(notebook))
    done = build(source, tmp_path)
    assert done.status == 1
    for error in (
        "goodpix tiles --band r --nonsense: exit status 2, expected 0:",
        "ZeroDivisionError: division by zero",
        "none.png: no such file",
        "'nowhere.md'",
        "IndexError: list index out of range",
    ):
        assert error in done.errors
    assert done.errors.count("exit status") == 1


def test_every_public_name_and_method_is_in_the_reference(site: Path) -> None:
    with (site / "objects.inv").open("rb") as file:
        entries = {name for kind in InventoryFile.load(file, "", os.path.join).values() for name in kind}
    names = [name for name in goodpix.__all__ if name != "__version__"]
    classes = [name for name in names if inspect.isclass(getattr(goodpix, name))]
    expected = {f"goodpix.{name}" for name in names} | {each for name in classes for each in public_members(name)}
    for module in REFERRED:
        documented = {*import_module(module).__all__} - {"GoodpixError"}
        expected |= {f"{module}.{name}" for name in documented}
    expected |= set(imported_in_docs())
    assert len(expected) > 190
    assert expected - entries == set()


def test_every_command_is_in_the_reference(pages: dict[str, str]) -> None:
    headings = {words(each) for each in re.findall(r"<h3>(.*?)<a", pages["reference/commandline.html"], re.DOTALL)}
    groups = {name.partition(" ")[0] for name in EXAMPLES if " " in name}
    assert {f"goodpix {name}" for name in EXAMPLES if name not in groups} == headings


@pytest.mark.parametrize("question", ANSWERS)
def test_front_page_leads_to_the_answer(pages: dict[str, str], question: str) -> None:
    (row,) = [row for row in re.findall(r"<tr.*?</tr>", pages["index.html"], re.DOTALL) if question in words(row)]
    (link,) = re.findall(r'href="([^"]+)"', row)
    page, _, anchor = unquote(link).partition("#")
    html = pages[page]
    if anchor:
        html = html[html.index(f'id="{anchor}"') :]
        html = html[: html.index("</section>")]
    for expected in ANSWERS[question]:
        assert expected.lower() in words(html).lower()


def test_links_lead_to_pages_and_sections(site: Path, pages: dict[str, str]) -> None:
    named = re.compile(r'\b(?:id|name)="([^"]+)"')
    anchors = {page: {unquote(each) for each in named.findall(html)} for page, html in pages.items()}
    broken = []
    for page, html in pages.items():
        for link in set(re.findall(r'href="([^"]+)"', html)):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = unquote(link.replace("&amp;", "&")).partition("#")
            target = os.path.normpath(Path(page).parent / path.partition("?")[0]) if path else page
            if not (site / target).is_file() or (anchor and target in anchors and anchor not in anchors[target]):
                broken.append((page, link))
    assert broken == []


def test_pages_ask_no_other_machine(site: Path, pages: dict[str, str], chromium: Browser) -> None:
    asked: list[str] = []
    errors: list[str] = []
    tab = chromium.new_page()
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    for page in pages:
        tab.goto((site / page).as_uri())
    tab.close()
    assert len(asked) > len(pages)
    assert {url for url in asked if not url.startswith(("file:", "data:"))} == set()
    assert errors == []


@pytest.mark.parametrize("page", ["index.html", "howto/sky.html", "notebooks/which-ccd.html"])
def test_figures_are_as_large_on_a_phone_and_the_page_is_no_wider(site: Path, chromium: Browser, page: str) -> None:
    tab = chromium.new_page(viewport={"width": 420, "height": 900})
    tab.goto((site / page).as_uri())
    widths = tab.locator(".cell_output img, div.made img").evaluate_all("all => all.map(each => each.width)")
    assert widths
    assert min(widths) >= (300 if page == "index.html" else 640)
    assert tab.evaluate("document.documentElement.scrollWidth") == 420
    tab.close()


def test_pages_show_nothing_of_the_machine(pages: dict[str, str]) -> None:
    own = (sys.prefix, str(DOCS), str(Path.home()), "goodpix-docs-")
    assert {(page, each) for page, html in pages.items() for each in own if each in words(html)} == set()


def found(tab: Page, site: Path, query: str) -> list[str]:
    """Return the pages that the search finds."""
    tab.goto(f"{(site / 'search.html').as_uri()}?q={query}")
    tab.wait_for_selector('#search-results .search-summary:has-text("Search finished")')
    links = tab.locator("#search-results ul.search li a").all()
    return [str(link.get_attribute("href")).split("?")[0].split("#")[0] for link in links]


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("1024", "guide/bits.html"),
        ("bit 1024", "guide/bits.html"),
        ("STREAK", "guide/bits.html"),
        ("CCD 31", "howto/masks.html"),
        ("bad amplifier", "howto/masks.html"),
        ("leave out amplifier", "howto/masks.html"),
        ("decasu-31a", "howto/masks.html"),
        ("fraction_good_on_coadd", "guide/good.html"),
        ("fraction_good_on_coadd null", "guide/good.html"),
        ("DATASUM", "faq.html"),
        ("refused DATASUM", "faq.html"),
        ("read mask R", "howto/masks.html"),
        ("mask in R", "howto/masks.html"),
        ("SLURM", "howto/operations.html"),
        ("SLURM Postgres", "howto/operations.html"),
        ("add profile", "howto/operations.html"),
        ("add a profile", "howto/operations.html"),
    ],
)
def test_search_finds_the_page_among_the_first(site: Path, chromium: Browser, query: str, page: str) -> None:
    tab = chromium.new_page()
    assert page in found(tab, site, query)[:4]
    tab.close()


def test_formulas_are_drawn_by_the_browser(pages: dict[str, str]) -> None:
    html = pages["explanation/polynomials.html"]
    assert html.count("<math ") > 10
    assert "$" not in words(html[html.index("<article") : html.index("</article>")])


def test_every_language_of_code_is_run_or_named() -> None:
    sources = {path: path.read_text() for path in DOCS.rglob("*.md")}
    fences = {(path, each) for path, text in sources.items() for each in re.findall(r"^ *```(\w+)", text, re.MULTILINE)}
    assert len(fences) > 20
    assert {language for _, language in fences} == NOT_RUN.keys()
