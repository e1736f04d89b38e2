"""Names of mask files under a masks root."""

import re
from dataclasses import dataclass

__all__ = ["MaskFileName", "generation_of"]

_DIGITS = 12  # hexadecimal digits of the content hash
_ENDING = rf"_g(?P<generation>[0-9]{{1,9}})_[0-9a-f]{{{_DIGITS}}}\.parquet"
_NAME = re.compile(rf"(?P<band>[^/]+)/(?P<tilename>[^/]+)_(?P=band){_ENDING}")


@dataclass(frozen=True, slots=True)
class MaskFileName:
    """The fields of a mask file's name, except the content hash.

    Parameters
    ----------
    tilename, band : str
        Tile and band of its masks.
    generation : int
        Number of files written for this tile and band so far, including this one.
    """

    tilename: str
    band: str
    generation: int

    @classmethod
    def of(cls, name: str) -> "MaskFileName | None":
        """Parse a name relative to the root; None if it is not the name of a mask file."""
        match = _NAME.fullmatch(name)
        return cls(match["tilename"], match["band"], int(match["generation"])) if match else None

    def with_hash(self, digest: str) -> str:
        """Return the complete name relative to the root.

        Parameters
        ----------
        digest : str
            Hash of the content in hexadecimal.
        """
        return f"{self.band}/{self.tilename}_{self.band}_g{self.generation}_{digest[:_DIGITS]}.parquet"


def generation_of(path: str) -> int | None:
    """Return the generation in the name of a mask file at any path; None if there is none."""
    match = re.search(f"{_ENDING}$", path)
    return int(match["generation"]) if match else None
