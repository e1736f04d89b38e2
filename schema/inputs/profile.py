"""Identity of the profile with which a catalogue's files are read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import UsageError

__all__ = ["DES_PIZZA_CUTTER", "DES_PROFILE", "ProfileId"]

DES_PROFILE = "des"
"""Value of ``profile`` in masks made with the profile des-pizza-cutter, which is older than profiles are."""

_NAME = "des-pizza-cutter"

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9+_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class ProfileId:
    """Name and version of a profile.

    Parameters
    ----------
    name : str
        Name, such as ``noirlab-cp``.
    version : str
        Version of its rules, raised whenever the same files can give other masks.

    Raises
    ------
    UsageError
        If either is not a word of letters, digits and ``+_.-``.
    """

    name: str
    version: str

    def __post_init__(self) -> None:
        for what in ("name", "version"):
            value = getattr(self, what)
            if not isinstance(value, str) or not _WORD.fullmatch(value) or value == DES_PROFILE:
                example = "noirlab-cp" if what == "name" else "1.2"
                raise UsageError(f"the {what} of a profile is {value!r}: expected a word such as {example}")

    def __str__(self) -> str:
        return f"{self.name} (version {self.version})"

    @classmethod
    def recorded(cls, name: str | None, version: str | None) -> "ProfileId":
        """Return the profile recorded in a mask file or database; without a name, that of masks of format 1."""
        return DES_PIZZA_CUTTER if name in (None, "", DES_PROFILE, _NAME) else cls(name, version or "1")

    @property
    def is_des(self) -> bool:
        """True if it is des-pizza-cutter, which is left out of fingerprints."""
        return self.name == _NAME

    @property
    def stored_name(self) -> str:
        """Value of ``profile`` in masks."""
        return DES_PROFILE if self.is_des else self.name

    @property
    def metadata(self) -> Mapping[str, str]:
        """Entries of a mask file's metadata; those of des-pizza-cutter name no version."""
        version = {} if self.is_des else {"goodpix.profile_version": self.version}
        return {"goodpix.profile": self.stored_name, **version}

    @property
    def fingerprinted(self) -> Mapping[str, object]:
        """Entries among the options of fingerprints; none for des-pizza-cutter, whose fingerprints stay as they are."""
        return {} if self.is_des else {"profile": [self.name, self.version]}


DES_PIZZA_CUTTER = ProfileId(_NAME, "1")
"""Profile of the Dark Energy Survey's images, as the info files of pizza-cutter list them."""
