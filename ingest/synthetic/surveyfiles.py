"""Files of a synthetic tile, with the layout, compression and info files of the Dark Energy Survey."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fitsio
import numpy.typing as npt
import yaml

from .decam import Cards
from .exposure import Exposure

__all__ = ["CoaddPaths", "EpochPaths", "ImageExtension", "write_info", "write_packed", "write_plain"]

# fixed, so that the same pixels give the same bytes
_DITHER_SEED = 1
_REQUEST = "Y6A1/r0001"


@dataclass(frozen=True, slots=True)
class ImageExtension:
    """One image extension.

    Parameters
    ----------
    extname : str
        Name of the extension.
    pixels : ndarray, shape (ny, nx)
        Floating point or integer.
    cards : mapping
        Header cards.
    codec : str
        ``"RICE"`` or ``"PLIO"``.
    """

    extname: str
    pixels: npt.NDArray[Any]
    cards: Cards
    codec: str = "RICE"


@dataclass(frozen=True, slots=True)
class CoaddPaths:
    """File paths of one tile and band, relative to the MEDS_DIR.

    Parameters
    ----------
    campaign, tilename, band : str
        Campaign folder, tile and band.
    """

    campaign: str
    tilename: str
    band: str

    @property
    def info(self) -> str:
        """The info file."""
        name = f"{self.tilename}_{self.band}_pizza_cutter_info.yaml"
        return f"{self.campaign}/pizza_cutter_info/{name}"

    @property
    def truth(self) -> str:
        """The known sky of the epochs, beside the info file."""
        return f"{self.campaign}/pizza_cutter_info/{self.tilename}_{self.band}_sky_truth.json"

    @property
    def sources(self) -> str:
        """The folder of all files of the band."""
        return f"{self.campaign}/{self.tilename}/sources-{self.band}"

    def product(self, kind: str, ending: str) -> str:
        """Return the path of one file of the coadd.

        Parameters
        ----------
        kind : str
            Kind of product, the name of its folder.
        ending : str
            End of the file name.

        Returns
        -------
        str
            Path relative to the MEDS_DIR.
        """
        name = f"{self.tilename}_r0001p01_{ending}"
        return f"{self.sources}/{self._attempt}/{kind}/{name}"

    @property
    def _attempt(self) -> str:
        return f"OPS/multiepoch/{_REQUEST}/{self.tilename}/p01"

    @property
    def image(self) -> str:
        """Image, mask and weight."""
        return self.product("coadd", f"{self.band}.fits.fz")

    @property
    def seg(self) -> str:
        """The segmentation map, uncompressed."""
        return self.product("seg", f"{self.band}_segmap.fits")

    def entry(self, shape: tuple[int, int], pfw_attempt_id: int) -> dict[str, Any]:
        """Return the coadd's part of the info file.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns of the image.
        pfw_attempt_id : int
            Processing attempt.

        Returns
        -------
        dict
            Keys and values of the YAML file.
        """
        filename = f"{self.tilename}_r0001p01_{self.band}.fits"
        return {
            **_plane_entry(self.image, shape, filename),
            "band": self.band,
            "cat_path": _meds_path(self.product("cat", f"{self.band}_cat.fits")),
            "magzp": 30.0,
            "path": f"{self._attempt}/coadd",
            "pfw_attempt_id": pfw_attempt_id,
            "psf_path": _meds_path(self.product("psf", f"{self.band}_psfcat.psf")),
            "scale": 1.0,
            "seg_ext": "sci",
            "seg_path": _meds_path(self.seg),
            "tilename": self.tilename,
        }


@dataclass(frozen=True, slots=True)
class EpochPaths:
    """File paths of one CCD image, relative to the MEDS_DIR.

    Parameters
    ----------
    coadd : CoaddPaths
        The tile and band.
    exposure : Exposure
        The CCD image.
    """

    coadd: CoaddPaths
    exposure: Exposure

    @property
    def _name(self) -> str:
        return f"D{self.exposure.expnum:08d}_{self.coadd.band}_c{self.exposure.ccdnum:02d}"

    @property
    def _attempt(self) -> str:
        return f"OPS/finalcut/{_REQUEST}/{self.exposure.nite}/D{self.exposure.expnum:08d}/p01"

    def _product(self, kind: str, ending: str) -> str:
        return f"{self.coadd.sources}/{self._attempt}/{kind}/{self._name}_r0001p01_{ending}"

    @property
    def image(self) -> str:
        """Image, mask and weight."""
        return self._product("red/immask", "immasked.fits.fz")

    @property
    def bkg(self) -> str:
        """The residual background."""
        return self._product("red/bkg", "bkg.fits.fz")

    @property
    def seg(self) -> str:
        """The segmentation map."""
        return self._product("seg", "segmap.fits.fz")

    @property
    def head(self) -> str:
        """The SCAMP header."""
        return self.coadd.product("aux", f"{self._name}_scamp.ohead")

    def entry(self, shape: tuple[int, int], pfw_attempt_id: int, has_head: bool) -> dict[str, Any]:
        """Return the CCD image's entry in the info file; as in the survey it has no ``seg_ext``.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns of the image.
        pfw_attempt_id : int
            Processing attempt.
        has_head : bool
            Whether there is a SCAMP header.

        Returns
        -------
        dict
            Keys and values of the YAML file.
        """
        magzp = self.exposure.magzp
        head = {"head_path": _meds_path(self.head)} if has_head else {}
        return {
            **_plane_entry(self.image, shape, f"{self._name}_r0001p01_immasked.fits"),
            **head,
            "band": self.coadd.band,
            "bkg_ext": "sci",
            "bkg_path": _meds_path(self.bkg),
            "ccdnum": self.exposure.ccdnum,
            "expnum": self.exposure.expnum,
            "magzp": magzp,
            "path": f"{self._attempt}/red/immask",
            "pfw_attempt_id": pfw_attempt_id,
            "psf_path": _meds_path(self._product("psf", "psfexcat.psf")),
            "scale": 10 ** (0.4 * (30 - magzp)),
            "seg_path": _meds_path(self.seg),
            "tilename": self.coadd.tilename,
        }


def _meds_path(path: str) -> str:
    """Return a path as written in info files."""
    return f"$MEDS_DIR/{path}"


def _plane_entry(image: str, shape: tuple[int, int], filename: str) -> dict[str, Any]:
    """Return the info file's keys that coadds and CCD images share."""
    image_path = _meds_path(image)
    return {
        "bmask_ext": "msk",
        "bmask_path": image_path,
        "compression": ".fz",
        "filename": filename,
        "image_ext": "sci",
        "image_flags": 0,
        "image_path": image_path,
        "image_shape": list(shape),
        "position_offset": 1,
        "weight_ext": "wgt",
        "weight_path": image_path,
    }


def write_packed(path: Path, planes: Sequence[ImageExtension]) -> None:
    """Write compressed extensions as the survey does with fpack.

    Parameters
    ----------
    path : Path
        Output file; its folder is created.
    planes : sequence of ImageExtension
        The extensions, after an empty primary HDU. Floating-point pixels are quantised to a sixteenth
        of the noise by SUBTRACTIVE_DITHER_2, which keeps exact zeros.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with fitsio.FITS(os.fspath(path), "rw", clobber=True) as fits:
        for plane in planes:
            lossy: dict[str, Any] = {}
            if plane.pixels.dtype.kind == "f":
                lossy = {"qlevel": 16, "qmethod": "SUBTRACTIVE_DITHER_2", "dither_seed": _DITHER_SEED}
            fits.write_image(
                plane.pixels,
                extname=plane.extname.upper(),
                compress=plane.codec,
                header=_records(plane.cards),
                **lossy,
            )


def write_plain(path: Path, plane: ImageExtension) -> None:
    """Write one uncompressed extension, after an empty primary HDU.

    Parameters
    ----------
    path : Path
        Output file; its folder is created.
    plane : ImageExtension
        The extension; its `codec` is ignored.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with fitsio.FITS(os.fspath(path), "rw", clobber=True) as fits:
        fits.create_image_hdu(None)
        fits.write_image(plane.pixels, extname=plane.extname, header=_records(plane.cards))


def _records(cards: Cards) -> list[dict[str, Any]]:
    return [{"name": keyword, "value": value} for keyword, value in cards.items()]


def write_info(path: Path, info: Mapping[str, Any]) -> None:
    """Write an info file atomically.

    Parameters
    ----------
    path : Path
        Output file; its folder is created.
    info : mapping
        Contents of the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_text(yaml.safe_dump(dict(info), default_flow_style=False))
    unfinished.replace(path)
