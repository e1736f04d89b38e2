"""A survey and its catalogue, in a database of either kind, that a test may break and put back."""

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
        Holds both, but for a database of Postgres.
    url : str
        The database.
    server : str
        A Postgres database to give orders from; empty for SQLite.
    elsewhere : Path, optional
        The masks root, where it does not lie in the folder.
    """

    folder: Path
    url: str
    server: str = ""
    elsewhere: Path | None = None

    @classmethod
    @contextmanager
    def of(cls, survey: Path, folder: Path, server: str = "", options: str = "") -> "Iterator[Scene]":
        """Give a scene with a copy of a survey and no catalogue yet.

        Parameters
        ----------
        survey : Path
            The survey.
        folder : Path
            Where to.
        server : str
            A Postgres database to give orders from, if the catalogue is to be there.
        options : str
            SQL, of the new database.
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
        """What processes are to find the survey by, and where they put what they need for a while."""
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        return {"MEDS_DIR": str(self.survey.folder), "TMPDIR": str(scratch)}

    @property
    def command(self) -> list[str]:
        """The arguments that ingest the survey here, in one process."""
        return ["ingest", str(self.survey.folder), "--db", self.url, "--masks", str(self.masks), "--workers", "1"]

    def ingest(self, band: str = "", **options: Any) -> goodpix.IngestReport:
        """Ingest the survey, or one band of it, in this process, which has to have its MEDS_DIR."""
        inputs = self.survey.info_path(band) if band else self.survey.folder
        return goodpix.ingest_tiles(inputs, **{"db": self.url, "masks": self.masks, **options})

    def verify(self) -> list[str]:
        """Return what is wrong with the catalogue."""
        return [str(each) for each in goodpix.verify(self.url).problems]

    def flip_bit(self, number: int = 0, band: str = "r") -> None:
        """Set a mask bit at every pixel of an epoch of the survey, or unset it where it is set."""
        path = self.survey.path(number, "image", band)
        rewrite(path, {"msk": fitsio.read(path, ext="msk") ^ 16})

    def check(self, number: int, band: str = "r") -> goodpix.Comparison:
        """Compare the mask of an epoch with the direct way."""
        entry = self.survey.epoch(number, band)
        return goodpix.check_mask(self.url, SPEC.tilename, band, entry["expnum"], entry["ccdnum"])

    def contents(self) -> Contents:
        """Return all that the catalogue holds."""
        return contents(self.url)

    def files(self) -> dict[str, bytes]:
        """Return the files of the masks root, but for what says whose it is."""
        found = (path for path in self.masks.rglob("*") if path.is_file() and path.name != "_goodpix.json")
        return {str(path.relative_to(self.masks)): path.read_bytes() for path in found}

    def keep(self) -> None:
        """Remember how everything is."""
        shutil.copytree(self.folder, self._kept)
        self._copy_database("{name}", "{name}_kept")

    def restore(self) -> None:
        """Put everything back to how it was when it was remembered."""
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
