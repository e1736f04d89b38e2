"""What kills do to a catalogue, and what the same command makes of what they left."""

import os
from dataclasses import dataclass

from goodpix.schema.database import is_catalogue

from .contents import Contents
from .scene import Scene

__all__ = ["KILLS", "Outcome", "outcome"]

KILLS = int(os.environ.get("GOODPIX_TEST_KILLS", "10"))
"""How many commands are killed; ``make stress`` asks for more, also of bits that are flipped."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a killed ingest left, and what the same ingest made of it.

    Parameters
    ----------
    when : str
        When it was killed.
    left, completed : Contents
        What the catalogue holds: after the kill, and after the ingest was run again.
    problems : list of str
        What is wrong with what was left.
    n_made : int
        Epochs that were made when it was run again.
    files_left, files_completed : dict
        The files of the masks root by name.
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
        """The mask files in the end."""
        return {name: content for name, content in self.files_completed.items() if name.endswith(".parquet")}

    @property
    def half_files(self) -> list[str]:
        """Mask files that were left and are not what they are in the end."""
        whole = self.mask_files
        return [
            name
            for name, content in self.files_left.items()
            if name.endswith(".parquet") and content != whole.get(name)
        ]


def outcome(scene: Scene, when: str) -> Outcome:
    """Look at what a killed ingest left, run it again, and look again."""
    left, files_left = scene.contents(), scene.files()
    problems = scene.verify() if is_catalogue(scene.url) else []
    report = scene.ingest()
    return Outcome(when, left, scene.contents(), problems, report.n_epochs, files_left, scene.files())
