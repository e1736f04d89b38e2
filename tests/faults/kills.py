"""Outcomes of killed ingests: the catalogue left behind, and the same after another run."""

import os
from dataclasses import dataclass

from goodpix.schema.database import is_catalogue

from .contents import Contents
from .scene import Scene

__all__ = ["KILLS", "Outcome", "outcome"]

KILLS = int(os.environ.get("GOODPIX_TEST_KILLS", "10"))
"""Number of commands to kill; ``make stress`` raises it, and with it the number of flipped bits."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Catalogue after a killed ingest, and after the ingest was run again.

    Parameters
    ----------
    when : str
        When the ingest was killed.
    left, completed : Contents
        Contents of the catalogue after the kill and after the second run.
    problems : list of str
        Problems found by ``goodpix verify`` after the kill.
    n_made : int
        Number of epochs made by the second run.
    files_left, files_completed : dict
        Files of the masks root by name, after the kill and after the second run.
    """

    when: str
    left: Contents
    completed: Contents
    problems: list[str]
    n_made: int
    files_left: dict[str, bytes]
    files_completed: dict[str, bytes]

    @property
    def mask_files(self) -> dict[str, bytes]:
        """Mask files after the second run."""
        return {name: content for name, content in self.files_completed.items() if name.endswith(".parquet")}

    @property
    def half_files(self) -> list[str]:
        """Mask files left by the kill that differ from those after the second run."""
        whole = self.mask_files
        return [
            name
            for name, content in self.files_left.items()
            if name.endswith(".parquet") and content != whole.get(name)
        ]


def outcome(scene: Scene, when: str) -> Outcome:
    """Record the state that a killed ingest left, run it again, and record the new state."""
    left, files_left = scene.contents(), scene.files()
    problems = scene.verify() if is_catalogue(scene.url) else []
    report = scene.ingest()
    return Outcome(when, left, scene.contents(), problems, report.n_epochs, files_left, scene.files())
