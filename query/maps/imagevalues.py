"""Values of a CCD image that maps average: noise, sky level, seeing, exposure time, weight."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MEASURED", "QUANTITIES", "ImageValues", "Quantity"]

Row = Mapping[str, Any]
Halves = tuple[float, float]
"""A value in the pixels of amplifier A and in those of B; NaN if unknown."""

MEASURED: Mapping[str, str] = {
    "skyvar": "no sky variance",
    "skysigma": "no sky noise",
    "fwhm": "no seeing (FWHM)",
    "skybrite": "no sky level (SKYBRITE)",
    "exptime": "no exposure time (EXPTIME)",
}
"""Values of the image itself, which it may lack, and what to say then."""

_ZERO_POINT = 30.0

# Surface brightness of a night sky, mag/arcsec^2: anything else comes of a wrong zero point or level.
_BRIGHTEST_SKY, _DARKEST_SKY = 14.5, 25.0

_APERTURE_ARCSEC = 2.0

_UNKNOWN = (math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class ImageValues:
    """Values of one CCD image.

    Parameters
    ----------
    row : mapping of str to object
        Its row of the catalogue; ``stored_noise`` is the noise in stored sky statistics, in bunit.
    """

    row: Row

    def number(self, name: str) -> float:
        """Return a positive number of the row; NaN for null or any other."""
        value = self.row.get(name)
        return float(value) if value is not None and 0 < value < math.inf else math.nan

    @property
    def zero_point(self) -> float:
        """Magnitude zero point of the info file; NaN if unknown."""
        magzp = self.row.get("magzp")
        return math.nan if magzp is None else float(magzp)

    @property
    def skyvar(self) -> Halves:
        """Sky variance in bunit^2: SKYVARA and SKYVARB, else SKYSIGMA squared, else stored noise squared."""
        others = (self.number("skysigma"), self.number("stored_noise"))
        known = next((each for each in others if not math.isnan(each)), math.nan) ** 2
        a, b = (self.number(name) for name in ("skyvara", "skyvarb"))
        return known if math.isnan(a) else a, known if math.isnan(b) else b

    @property
    def skysigma(self) -> Halves:
        """Sky noise in bunit: SKYSIGMA, else the square root of the variance."""
        header = self.number("skysigma")
        a, b = self.skyvar
        return (math.sqrt(a), math.sqrt(b)) if math.isnan(header) else (header, header)

    @property
    def lacking(self) -> tuple[str, ...]:
        """Names of the `MEASURED` values that are unknown in both halves."""
        known = {"skyvar": self.skyvar, "skysigma": self.skysigma}
        return tuple(each for each in MEASURED if all(map(math.isnan, known.get(each, (self.number(each),)))))

    @property
    def flux_scale(self) -> float:
        """Factor that scales values to zero point 30; NaN without a zero point."""
        return float(10 ** (0.4 * (_ZERO_POINT - self.zero_point)))

    @property
    def weight(self) -> Halves:
        """Inverse sky variance at zero point 30; NaN without a zero point or a variance."""
        a, b = self.skyvar
        scale = self.flux_scale**2
        return 1 / (a * scale), 1 / (b * scale)

    @property
    def aperture_weight(self) -> Halves:
        """Inverse sky variance in an aperture of 2.0 arcsec diameter at zero point 30."""
        n_pixels = math.pi * (_APERTURE_ARCSEC / 2) ** 2 / self.number("pixel_area")
        a, b = self.weight
        return a / n_pixels, b / n_pixels

    @property
    def given_mu_sky(self) -> float:
        """Surface brightness of the subtracted sky, mag/arcsec^2; NaN if unknown."""
        level = self.number("skybrite") / self.number("pixel_area")
        return self.zero_point - 2.5 * math.log10(level) if level > 0 else math.nan

    @property
    def mu_sky(self) -> Halves:
        """Surface brightness of the subtracted sky; NaN where it is that of no night sky."""
        mu = self.given_mu_sky
        return (mu, mu) if _BRIGHTEST_SKY <= mu <= _DARKEST_SKY else _UNKNOWN


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value of images that maps average.

    Parameters
    ----------
    meaning : str
        What it is.
    unit : str
        Its unit.
    of : callable
        Function of `ImageValues` that returns it for both amplifier halves.
    operations : tuple of str
        Suffixes of the statistics of it.
    """

    meaning: str
    unit: str
    of: Callable[[ImageValues], Halves] = field(repr=False)
    operations: tuple[str, ...] = ("mean", "min", "max")


def _both(name: str) -> Callable[[ImageValues], Halves]:
    return lambda image: (image.number(name),) * 2


def _scaled(name: str, power: int) -> Callable[[ImageValues], Halves]:
    def value(image: ImageValues) -> Halves:
        a, b = getattr(image, name)
        return a * image.flux_scale**power, b * image.flux_scale**power

    return value


_ALL = ("mean", "min", "max", "sum")

QUANTITIES: Mapping[str, Quantity] = {
    "skyvar": Quantity("sky variance", "bunit^2", lambda image: image.skyvar, _ALL),
    "skysigma": Quantity("sky noise", "bunit", lambda image: image.skysigma, _ALL),
    "skyvar_zp30": Quantity("sky variance at zero point 30", "flux^2 at zero point 30", _scaled("skyvar", 2), _ALL),
    "skysigma_zp30": Quantity("sky noise at zero point 30", "flux at zero point 30", _scaled("skysigma", 1), _ALL),
    "fwhm": Quantity("seeing FWHM", "pixel", _both("fwhm")),
    "mu_sky": Quantity("surface brightness of the sky", "mag/arcsec^2", lambda image: image.mu_sky),
    "exptime": Quantity("exposure time", "s", _both("exptime")),
}
"""Values of images by name."""
