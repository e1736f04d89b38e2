"""CCD images in the columns of IVOA ObsCore 1.1.

The standard: https://www.ivoa.net/documents/ObsCore/20170509/. Where it forbids a null that the catalogue cannot avoid
(``obs_publisher_did``, ``calib_level`` of files of one's own), the value is null all the same.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ..cameras.decam import DECAM_PROFILES, FILTERS, passband
from ..tables import catalogue, epoch

__all__ = ["OBSCORE_DOCS", "obscore"]

_CALIBRATED = ("des", "noirlab-cp", "lsst")
_FACILITY, _INSTRUMENT = "CTIO 4.0-m telescope", "DECam"
_UCDS = {
    "phot.count": ("adu", "count", "counts", "electron", "electrons", "e-"),
    "phot.count;arith.rate": ("adu/s", "count/s", "counts/s", "electron/s", "electrons/s", "e-/s"),
    "phot.flux.density": ("jy", "mjy", "ujy", "njy"),
}

OBSCORE_DOCS: Mapping[str, str] = {
    "dataproduct_type": "image",
    "calib_level": "2, calibrated; of images of DES, the Community Pipeline and the LSST pipelines",
    "obs_collection": "campaign of the catalogue",
    "obs_id": "exposure number, which the CCD images of an exposure share",
    "obs_publisher_did": "identifier of the dataset that its publisher gives",
    "access_url": "address of the image; image_path is a path of the machine that ingested it",
    "access_format": "media type of the image",
    "access_estsize": "size of the image",
    "target_name": "target of the exposure",
    "s_ra": "right ascension of the image centre, degrees",
    "s_dec": "declination of the image centre, degrees",
    "s_fov": "diagonal of the image, degrees",
    "s_region": "outline of the image: STC-S polygon of its outer corners, counter-clockwise with east to the left",
    "s_resolution": "seeing FWHM times the pixel scale at the image centre, arcsec",
    "s_xel1": "image width, pixels",
    "s_xel2": "image height, pixels",
    "t_min": "start of the exposure, MJD, days",
    "t_max": "start of the exposure plus the exposure time, MJD, days",
    "t_exptime": "exposure time, s",
    "t_resolution": "exposure time, s: an image is not resolved in time",
    "t_xel": "1, a single exposure",
    "em_min": "short end of the filter, centre minus half the width, m",
    "em_max": "long end of the filter, centre plus half the width, m",
    "em_res_power": "centre of the filter over its width",
    "em_xel": "1, a single filter",
    "o_ucd": "UCD of the pixel values, by bunit",
    "pol_states": "states of polarization",
    "pol_xel": "0, polarization was not observed",
    "facility_name": "telescope, as TELESCOP has it",
    "instrument_name": "camera, as INSTRUME has it",
}
"""Meanings of the mandatory columns, in the order of the standard."""


class _Decimals(FunctionElement[str]):
    """Text of a number with eight decimals, which are 0.04 milliarcsec of a degree."""

    type = sa.Text()
    inherit_cache = True
    name = "decimals"


@compiles(_Decimals)
def _of_numeric(element: _Decimals, compiler: Any, **options: Any) -> str:
    return f"CAST(round(CAST({compiler.process(element.clauses, **options)} AS NUMERIC), 8) AS TEXT)"


@compiles(_Decimals, "sqlite")
def _printed(element: _Decimals, compiler: Any, **options: Any) -> str:
    return f"printf('%.8f', {compiler.process(element.clauses, **options)})"


def _clockwise() -> "sa.ColumnElement[bool]":
    """Tell whether the corners 1, 2, 3 turn clockwise as seen from within the sphere, with east to the left.

    The determinant of their unit vectors is positive then; here divided by the cosines of the declinations, which
    are positive, so that it holds at RA = 0 and about a pole as well.
    """
    (a1, a2, a3), (d1, d2, d3) = (
        [sa.func.radians(epoch.c[f"{name}{number}"]) for number in (1, 2, 3)] for name in ("rac", "decc")
    )
    tan, sin = sa.func.tan, sa.func.sin
    turn: sa.ColumnElement[float] = tan(d1) * sin(a3 - a2) + tan(d2) * sin(a1 - a3) + tan(d3) * sin(a2 - a1)
    return turn > 0


def _polygon(*corners: int) -> "sa.ColumnElement[str]":
    text: sa.ColumnElement[str] = sa.literal("POLYGON ICRS", sa.Text())
    for number in corners:
        for name in ("rac", "decc"):
            text = text + " " + _Decimals(epoch.c[f"{name}{number}"])
    return text


def _of_decam(value: object, kind: "sa.types.TypeEngine[Any]") -> "sa.ColumnElement[Any]":
    """Return a value for images that are all of DECam, else null."""
    profile = epoch.c.profile
    named = [each for each in DECAM_PROFILES if each is not None]
    given = value if isinstance(value, sa.ColumnElement) else sa.literal(value, kind)
    return sa.case((sa.or_(profile.is_(None), profile.in_(named)), given), else_=sa.cast(sa.null(), kind))


def _by_filter(of_filter: Mapping[str, float]) -> "sa.ColumnElement[Any]":
    """Return a number for each of DECam's filters, else null."""
    cases: list[Any] = [(epoch.c.band == band, sa.literal(value, sa.Double())) for band, value in of_filter.items()]
    return _of_decam(sa.case(*cases, else_=sa.cast(sa.null(), sa.Double())), sa.Double())


def _spatial() -> dict[str, "sa.ColumnElement[Any]"]:
    """Return the columns about the sky, which are null where the pipeline does not vouch for the WCS."""
    c = epoch.c
    n_squared: sa.ColumnElement[float] = sa.cast(c.nx, sa.Double()) * c.nx + sa.cast(c.ny, sa.Double()) * c.ny
    every: dict[str, sa.ColumnElement[Any]] = {
        "s_ra": c.ra_cent,
        "s_dec": c.dec_cent,
        "s_fov": sa.func.sqrt(n_squared * c.pixel_area, type_=sa.Double()) / 3600.0,
        "s_region": sa.case((_clockwise(), _polygon(1, 4, 3, 2)), else_=_polygon(1, 2, 3, 4)),
        "s_resolution": c.fwhm * sa.func.sqrt(c.pixel_area, type_=sa.Double()),
    }
    return {
        name: sa.case((c.wcs_ok.is_(False), sa.cast(sa.null(), value.type)), else_=value)
        for name, value in every.items()
    }


def _spectral() -> dict[str, "sa.ColumnElement[Any]"]:
    bands = {band: passband(band) for band in FILTERS}
    return {
        "em_min": _by_filter({band: each.shortest for band, each in bands.items()}),
        "em_max": _by_filter({band: each.longest for band, each in bands.items()}),
        "em_res_power": _by_filter({band: each.resolving_power for band, each in bands.items()}),
    }


def _constants() -> dict[str, "sa.ColumnElement[Any]"]:
    profile = epoch.c.profile
    calibrated = sa.or_(profile.is_(None), profile.in_(_CALIBRATED))
    unit = sa.func.lower(epoch.c.bunit)
    text, number = sa.Text(), sa.BigInteger()
    return {
        "dataproduct_type": sa.literal("image", text),
        "calib_level": sa.case((calibrated, sa.literal(2, number)), else_=sa.cast(sa.null(), number)),
        "obs_collection": sa.select(catalogue.c.campaign).scalar_subquery(),
        "obs_id": sa.cast(epoch.c.expnum, text),
        "access_format": sa.literal("image/fits", text),
        "t_xel": sa.literal(1, number),
        "em_xel": sa.literal(1, number),
        "o_ucd": sa.case(
            *((unit.in_(units), sa.literal(ucd, text)) for ucd, units in _UCDS.items()),
            else_=sa.cast(sa.null(), text),
        ),
        "pol_xel": sa.literal(0, number),
        "facility_name": _of_decam(_FACILITY, text),
        "instrument_name": _of_decam(_INSTRUMENT, text),
        **{name: sa.cast(sa.null(), text) for name in ("obs_publisher_did", "access_url", "target_name", "pol_states")},
        "access_estsize": sa.cast(sa.null(), number),
    }


def obscore() -> "sa.Select[tuple[object, ...]]":
    """Return the query of the view: one row per CCD image, as the first of its tiles by name has it."""
    c = epoch.c
    values = {
        **_constants(),
        **_spatial(),
        **_spectral(),
        "s_xel1": sa.cast(c.nx, sa.BigInteger()),
        "s_xel2": sa.cast(c.ny, sa.BigInteger()),
        "t_min": c.mjd_obs,
        "t_max": c.mjd_obs + c.exptime / 86400.0,
        "t_exptime": c.exptime,
        "t_resolution": c.exptime,
    }
    other = epoch.alias("other").c
    first = (
        sa.select(sa.func.min(other.tilename))
        .where(other.band == c.band, other.expnum == c.expnum, other.ccdnum == c.ccdnum)
        .scalar_subquery()
    )
    mandatory = [values[name].label(name) for name in OBSCORE_DOCS]
    return sa.select(*mandatory, c.band, c.expnum, c.ccdnum).where(c.tilename == first)
