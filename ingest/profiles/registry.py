"""Profiles by name: those of goodpix, and those that installed packages bring."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from ...schema.errors import UsageError, did_you_mean
from ...schema.printable import one_line
from .protocol import ConfiguredProfile, Profile

__all__ = ["ENTRY_POINTS", "checked_settings", "configured_profile", "find_profile", "installed_profiles"]

ENTRY_POINTS = "goodpix.profiles"
"""Group of entry points in which a package names its profiles: each an instance of `Profile`, by the profile's name."""

# module and class; imported where wanted, since some read FITS files, for which numba is imported
_BUILT_IN: Mapping[str, tuple[str, str]] = {
    "des-pizza-cutter": ("des_pizza_cutter", "DesPizzaCutter"),
    "noirlab-cp": ("noirlab_cp", "NoirlabCp"),
    "lsst": ("lsst", "Lsst"),
    "files": ("files", "Files"),
}


def _built_in(name: str) -> Profile:
    module, kind = _BUILT_IN[name]
    profile: Profile = getattr(import_module(f".{module}", __package__), kind)()
    return profile


def installed_profiles() -> tuple[dict[str, Profile], dict[str, str]]:
    """Return every profile by name, and why others cannot be used, by the name of their entry point."""
    profiles, broken = {name: _built_in(name) for name in _BUILT_IN}, dict[str, str]()
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        if point.name in _BUILT_IN:
            broken[point.name] = f"{point.value}: goodpix has a profile of that name"
            continue
        try:
            profiles[point.name] = _load(point)
        except UsageError as error:
            broken[point.name] = str(error)
    return profiles, broken


def find_profile(name: str) -> Profile:
    """Return a profile by its name.

    Raises
    ------
    UsageError
        If there is no such profile, or the package that brings it cannot be imported.
    """
    if not isinstance(name, str):
        raise UsageError(
            f"profile is of type {type(name).__name__}: expected its name, by which an installed package brings it "
            f"(entry point {ENTRY_POINTS}), or one of {', '.join(_BUILT_IN)}"
        )
    if name in _BUILT_IN:  # without a look at every installed package
        return _built_in(name)
    profiles, broken = installed_profiles()
    if name in broken:
        raise UsageError(f"profile {name}: {broken[name]}")
    if name not in profiles:
        hint = did_you_mean(name, list(profiles), show=str, otherwise=".")
        raise UsageError(f"unknown profile {name!r}{hint} Known: {', '.join(profiles)} (goodpix profiles lists them)")
    return profiles[name]


def _load(point: EntryPoint) -> Profile:
    try:
        profile: Profile = point.load()
        identity = profile.identity
    except Exception as error:  # a package of someone else's may raise anything
        raise UsageError(f"{point.value}: cannot be loaded ({type(error).__name__}: {one_line(error)})") from error
    if identity.name != point.name:
        raise UsageError(f"{point.value}: its name is {identity.name}: expected that of the entry point, {point.name}")
    return profile


def checked_settings(profile: Profile, settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings after checking that the profile takes them.

    Raises
    ------
    UsageError
        If it has no such setting.
    """
    for key in settings:
        if key not in profile.settings:
            known = f"expected {' or '.join(profile.settings)}" if profile.settings else "it has none"
            raise UsageError(f"profile {profile.identity.name} has no setting {key}: {known}")
    return dict(settings)


def configured_profile(profile: Profile, given: Sequence[Path]) -> Profile:
    """Return the profile of the files that a file of one's own describes, for a profile that needs one.

    Raises
    ------
    UsageError
        If the file cannot be used.
    """
    return profile.configured(given) if isinstance(profile, ConfiguredProfile) else profile
