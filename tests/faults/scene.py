"""A survey and its catalogue, in a database of either kind, that a test can damage and restore."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import fitsio
import psycopg
import sqlalchemy as sa

import goodpix

from ..integration.survey import SPEC, Survey, rewrite
from .contents import Contents, contents

__all__ = ["Scene"]

_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Scene:
    """A survey and its catalogue.

    Parameters
    ----------
    folder : Path
        Folder of the survey, the masks root and the SQLite database.
    url : str
        Database URL.
    server : str
        URL of a Postgres database from which to create and drop others; empty for SQLite.
    elsewhere : Path, optional
        Masks root, if it is not in the folder.
    """

    folder: Path
    url: str
    server: str = ""
    elsewhere: Path | None = None

    @classmethod
    @contextmanager
    def of(cls, survey: Path, folder: Path, server: str = "", options: str = "") -> "Iterator[Scene]":
        """Make a scene with a copy of a survey and no catalogue.

        Parameters
        ----------
        survey : Path
            Survey to copy.
        folder : Path
            Folder of the scene.
        server : str
            URL of a Postgres database, to put the catalogue on its server; empty for SQLite.
        options : str
            SQL options of CREATE DATABASE.
        """
        shutil.copytree(survey, folder / "survey")
        if not server:
            yield cls(folder, f"sqlite:///{folder / 'goodpix.db'}")
            return
        name = f"goodpix_scene_{os.getpid()}_{next(_NUMBERS)}"
        url = sa.make_url(server).set(database=name).render_as_string(hide_password=False)
        scene = cls(folder, url, server)
        scene._order(f"CREATE DATABASE {name} {options}")
        try:
            yield scene
        finally:
            scene._order(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"DROP DATABASE IF EXISTS {name}_kept")

    @property
    def survey(self) -> Survey:
        """The survey."""
        return Survey(self.folder / "survey")

    @property
    def masks(self) -> Path:
        """The masks root."""
        return self.elsewhere or self.folder / "masks"

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of commands: the survey's location and a scratch folder."""
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        return {"MEDS_DIR": str(self.survey.folder), "TMPDIR": str(scratch)}

    @property
    def command(self) -> list[str]:
        """Arguments that ingest the survey in one process."""
        return ["ingest", str(self.survey.folder), "--db", self.url, "--masks", str(self.masks), "--workers", "1"]

    def ingest(self, band: str = "", **options: Any) -> goodpix.IngestReport:
        """Ingest the survey, or one band, in this process; MEDS_DIR must be set."""
        inputs = self.survey.info_path(band) if band else self.survey.folder
        return goodpix.ingest_tiles(inputs, **{"db": self.url, "masks": self.masks, **options})

    def verify(self) -> list[str]:
        """Return the catalogue's problems."""
        return [str(each) for each in goodpix.verify(self.url).problems]

    def flip_bit(self, number: int = 0, band: str = "r") -> None:
        """Flip a mask bit in every pixel of an epoch of the survey."""
        path = self.survey.path(number, "image", band)
        rewrite(path, {"msk": fitsio.read(path, ext="msk") ^ 16})

    def check(self, number: int, band: str = "r") -> goodpix.Comparison:
        """Compare an epoch's mask with a direct computation."""
        entry = self.survey.epoch(number, band)
        return goodpix.check_mask(self.url, SPEC.tilename, band, entry["expnum"], entry["ccdnum"])

    def contents(self) -> Contents:
        """Return the contents of the catalogue."""
        return contents(self.url)

    def files(self) -> dict[str, bytes]:
        """Return the files of the masks root by name, except its marker."""
        files = (path for path in self.masks.rglob("*") if path.is_file() and path.name != "_goodpix.json")
        return {str(path.relative_to(self.masks)): path.read_bytes() for path in files}

    def keep(self) -> None:
        """Save the present state."""
        shutil.copytree(self.folder, self._kept)
        self._copy_database("{name}", "{name}_kept")

    def restore(self) -> None:
        """Return to the saved state."""
        shutil.rmtree(self.folder)
        shutil.copytree(self._kept, self.folder)
        self._copy_database("{name}_kept", "{name}")

    @property
    def _kept(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-kept")

    def _copy_database(self, source: str, target: str) -> None:
        if self.server:
            name = sa.make_url(self.url).database
            for order in (
                f"DROP DATABASE IF EXISTS {target} WITH (FORCE)",
                f"CREATE DATABASE {target} TEMPLATE {source}",
            ):
                self._order(order.format(name=name))

    def _order(self, *orders: str) -> None:
        plain = sa.make_url(self.server).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            for order in orders:
                connection.execute(order.encode())
