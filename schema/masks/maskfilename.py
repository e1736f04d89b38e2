"""The names of mask files below a masks root."""

import re
from dataclasses import dataclass

__all__ = ["MaskFileName", "generation_of"]

_DIGITS = 12  # of the content's hash
_ENDING = rf"_g(?P<generation>[0-9]+)_[0-9a-f]{{{_DIGITS}}}\.parquet"
_NAME = re.compile(rf"(?P<band>[^/]+)/(?P<tilename>[^/]+)_(?P=band){_ENDING}")


@dataclass(frozen=True, slots=True)
class MaskFileName:
    """What the name of a mask file says, besides the hash of its content.

    Parameters
    ----------
    tilename, band : str
        What it holds.
    generation : int
        How many files of this tile and band there have been, this one included.
    """

    tilename: str
    band: str
    generation: int

    @classmethod
    def of(cls, name: str) -> "MaskFileName | None":
        """Return what a name below the root says; None where it is not that of a mask file."""
        match = _NAME.fullmatch(name)
        return cls(match["tilename"], match["band"], int(match["generation"])) if match else None

    def with_hash(self, digest: str) -> str:
        """Return the whole name.

        Parameters
        ----------
        digest : str
            Of the content, hexadecimal.
        """
        return f"{self.band}/{self.tilename}_{self.band}_g{self.generation}_{digest[:_DIGITS]}.parquet"


def generation_of(path: str) -> int | None:
    """Return the generation that the name of a mask file says, wherever it lies; None where it says none."""
    match = re.search(f"{_ENDING}$", path)
    return int(match["generation"]) if match else None
