"""Ways of breaking a survey's files, and what is said of each."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fitsio
import numpy as np

from .survey import SPEC, Survey, break_card, rewrite

__all__ = [
    "BAD",
    "BAD_COADDS",
    "BAD_EPOCHS",
    "BAD_HEADS",
    "BAD_INFO",
    "PYTHON_TAG",
    "Break",
    "Case",
    "content",
    "dither",
    "remove",
]

# The epoch that is broken: its image and masks are packed, it has a head_path and lies on the coadd.
BAD = 2

Break = Callable[[Survey, int | None], object]
"""Breaks an epoch of the survey by its number, or the coadd where that is None."""


@dataclass(frozen=True, slots=True)
class Case:
    """One way of breaking the survey.

    Parameters
    ----------
    name : str
        The test's.
    change : callable
        What breaks it, given the survey and the number of an epoch, or None for the coadd.
    says : tuple of str
        What the message must name, as regular expressions: file, key, value, what was expected.
    """

    name: str
    change: Break
    says: tuple[str, ...]


def case(name: str, change: Break, *says: str) -> Case:
    return Case(name, change, says)


def info(**values: object) -> Break:
    return lambda survey, _: survey.set_entry(None, values)


def entry(**values: object) -> Break:
    return lambda survey, number: survey.set_entry(number, values)


def content(data: bytes) -> Break:
    return lambda survey, _: survey.info_path().write_bytes(data)


def repeat_epoch(survey: Survey, _: int | None) -> None:
    with survey.editing() as info:
        info["src_info"].append(dict(info["src_info"][0]))


def replace_entry(value: object) -> Break:
    def change(survey: Survey, number: int | None) -> None:
        with survey.editing() as info:
            info["src_info"][number] = value

    return change


PYTHON_TAG = b'!!python/object/apply:os.system ["touch executed"]\n'

BAD_INFO = [
    case("not-yaml", content(b"band: [r\n"), "cannot be read as YAML"),
    case("tabs", content(b"band:\n\tr: 1\n"), "cannot be read as YAML"),
    case("empty", content(b""), "is empty", "expected a mapping"),
    case("comment-only", content(b"# nothing\n"), "is empty", "expected a mapping"),
    case("list", content(b"- band\n- r\n"), "holds a list", "expected a mapping"),
    case("text", content(b"band\n"), "holds a str", "expected a mapping"),
    case("latin-1", content(b"band: r # caf\xe9\n"), "cannot be read as YAML"),
    case("binary", content(bytes(range(256))), "cannot be read as YAML"),
    case("two-documents", content(b"band: r\n---\nband: r\n"), "cannot be read as YAML"),
    case("unhashable-key", content(b"{[a]: b}: c\n"), "cannot be read as YAML"),
    case("bad-date", content(b"band: 2001-99-99\n"), "cannot be read as YAML"),
    case("object-tag", content(PYTHON_TAG), "cannot be read as YAML", "python/object"),
    case("no-band", info(band=...), "band is missing"),
    case("no-tilename", info(tilename=...), "tilename is missing"),
    case("no-image-path", info(image_path=...), "image_path is missing"),
    case("no-seg-path", info(seg_path=...), "seg_path is missing"),
    case("no-src-info", info(src_info=...), "src_info is missing"),
    case("epoch-without-image-path", entry(image_path=...), rf"src_info\.{BAD}\.image_path is missing"),
    case("epoch-without-bmask-ext", entry(bmask_ext=...), rf"src_info\.{BAD}\.bmask_ext is missing"),
    case("epoch-without-expnum", entry(expnum=...), rf"src_info\.{BAD}\.expnum is missing"),
    case("epoch-without-ccdnum", entry(ccdnum=...), rf"src_info\.{BAD}\.ccdnum is missing"),
    case("src-info-empty", info(src_info=[]), "src_info", "at least 1"),
    case("src-info-null", info(src_info=None), "src_info", "None"),
    case("src-info-not-a-list", info(src_info={"a": 1}), "src_info"),
    case("band-is-a-list", info(band=[1]), r"band is \[1\]"),
    case("entry-not-a-mapping", replace_entry("image.fits"), rf"src_info\.{BAD}\b", "image.fits"),
    case("epoch-twice", repeat_epoch, r"2\d+/\d+", "twice", "once"),
    case("epoch-of-another-band", entry(band="z"), rf"src_info\.{BAD}\.band is 'z'", "expected 'r'"),
    case(
        "epoch-of-another-tile",
        entry(tilename="DES0000+0000"),
        rf"src_info\.{BAD}\.tilename is 'DES0000\+0000'",
        f"expected '{SPEC.tilename}'",
    ),
    *(
        case(f"{key}-{name}", info(**{key: name}), rf"{key} is {re.escape(repr(name))}")
        for key in ("tilename", "band")
        for name in ("../x", "a/b", "..", ".", "/etc", "", "a\nb", "r\x00", "r\n")
    ),
    case("negative-expnum", entry(expnum=-1), rf"src_info\.{BAD}\.expnum is -1", "expected 0 or more"),
    case("expnum-not-a-number", entry(expnum="many"), rf"src_info\.{BAD}\.expnum is 'many'", "whole number"),
    case("expnum-beyond-64-bits", entry(expnum=1 << 63), rf"src_info\.{BAD}\.expnum is {1 << 63}"),
    case("negative-ccdnum", entry(ccdnum=-1), rf"src_info\.{BAD}\.ccdnum is -1"),
    case("ccdnum-beyond-16-bits", entry(ccdnum=1 << 15), rf"src_info\.{BAD}\.ccdnum is 32768"),
    case("empty-path", entry(weight_path=""), rf"src_info\.{BAD}\.weight_path is ''"),
    case("path-not-text", entry(bmask_path=7), rf"src_info\.{BAD}\.bmask_path is 7"),
    case("offset-nan", entry(position_offset=float("nan")), rf"src_info\.{BAD}\.position_offset is nan"),
    case("unique-region-upside-down", info(udecmin=10.0, udecmax=-10.0), "udecmin", r"10\.0, -10\.0"),
    case("unique-region-nan", info(uramin=float("nan")), "uramin"),
    case("unique-region-beyond-the-pole", info(udecmax=91.0), "udecmax", "91"),
]


def remove(plane: str) -> Break:
    return lambda survey, number: survey.path(number, plane).unlink()


def text(plane: str, content: bytes) -> Break:
    return lambda survey, number: survey.path(number, plane).write_bytes(content)


def folder_for(plane: str) -> Break:
    def change(survey: Survey, number: int | None) -> None:
        path = survey.path(number, plane)
        path.unlink()
        path.mkdir()

    return change


def cut(plane: str, share: float, *, plain: bool = False) -> Break:
    """Keep a share of a file; a tenth of its bytes is more than padding."""

    def change(survey: Survey, number: int | None) -> None:
        path = survey.path(number, plane)
        if plain:
            rewrite(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])

    return change


def planes(plane: str, **change: Callable[[Any], Any]) -> Break:
    """Put other pixels in extensions of the file of a plane."""

    def rewritten(survey: Survey, number: int | None) -> None:
        path = survey.path(number, plane)
        new = {ext: make(fitsio.read(path, ext=ext)) for ext, make in change.items()}
        rewrite(path, new)

    return rewritten


def card(keyword: str, text: str | None) -> Break:
    return lambda survey, number: break_card(survey.path(number, "image"), "sci", keyword, text)


def other_band(survey: Survey, number: int | None) -> None:
    break_card(survey.path(number, "image"), "sci", "BAND", "BAND    = 'z       '")


def other_filter(survey: Survey, number: int | None) -> None:
    path = survey.path(number, "image")
    break_card(path, "sci", "BAND", None)
    break_card(path, "sci", "FILTER", "FILTER  = 'z DECam SDSS c0004 9260.0 1520.0'")


def dither(survey: Survey, number: int | None) -> None:
    rewrite(survey.path(number, "image"), compress="RICE", qlevel=16, qmethod="SUBTRACTIVE_DITHER_1")


def singular(survey: Survey, number: int | None) -> None:
    for keyword in ("CD1_1", "CD1_2", "CD2_1", "CD2_2"):
        break_card(survey.path(number, "image"), "sci", keyword, f"{keyword:<8}= 7.3E-05")


def galactic(survey: Survey, number: int | None) -> None:
    path = survey.path(number, "image")
    break_card(path, "sci", "CTYPE1", "CTYPE1  = 'GLON-TAN'")
    break_card(path, "sci", "CTYPE2", "CTYPE2  = 'GLAT-TAN'")


# A file that ends early has lost the end of its data, or whole extensions.
CUT = r"truncated|no extension '(msk|wgt|sci)' \(the file has"
IMAGE, SEG = r"immasked\.fits\.fz", r"D\d+_r_c\d+_r0001p01_segmap\.fits\.fz"

BAD_EPOCHS = [
    case("image-missing", remove("image"), IMAGE, "no such file"),
    case("seg-missing", remove("seg"), SEG, "no such file"),
    case("image-is-a-folder", folder_for("image"), IMAGE, "is a folder", "expected a FITS file"),
    case("seg-is-a-folder", folder_for("seg"), SEG, "is a folder", "expected a FITS file"),
    case("image-empty", cut("image", 0), IMAGE, "not a FITS file, or truncated"),
    case("image-is-text", text("image", b"SIMPLE = yes"), IMAGE, "not a FITS file"),
    *(case(f"packed-cut-{share}", cut("image", share), IMAGE, CUT) for share in (0.02, 0.3, 0.6, 0.9)),
    *(case(f"packed-seg-cut-{share}", cut("seg", share), SEG, CUT) for share in (0.3, 0.6)),
    *(case(f"plain-cut-{share}", cut("image", share, plain=True), IMAGE, CUT) for share in (0.02, 0.3, 0.6, 0.9)),
    case("no-such-extension", entry(bmask_ext="mask"), IMAGE, "no extension 'mask'", "the file has .*MSK"),
    case("no-such-extension-number", entry(weight_ext=9), IMAGE, "no extension 9", "the file has"),
    case(
        "extension-lost",
        lambda s, number: rewrite(s.path(number, "image"), without="wgt"),
        IMAGE,
        "no extension 'wgt'",
        "(?i)the file has .*msk",
    ),
    case("extension-without-image", entry(bmask_ext=0), IMAGE, "dimensions", "expected an image"),
    case(
        "seg-of-another-shape",
        planes("seg", sci=lambda seg: seg[:-2]),
        f"epoch .*{SPEC.tilename}",
        "seg is 126 x 64",
        "128 x 64",
        "expected equal shapes",
    ),
    case("bmask-of-another-shape", planes("image", msk=lambda bmask: bmask[:, 1:]), "bmask is 128 x 63"),
    case("image-of-another-shape", planes("image", sci=lambda image: image.T), "image is 64 x 128"),
    case("cube", planes("image", msk=lambda bmask: bmask[None]), IMAGE, r"\[1, 128, 64\]", "expected an image"),
    case(
        "float-bmask",
        planes("image", msk=lambda bmask: bmask.astype(np.float32)),
        rf"{IMAGE}\[msk\]",
        "bmask is float32",
        "expected integers",
    ),
    case("float-seg", planes("seg", sci=lambda seg: seg.astype(np.float64)), SEG, "seg is float64"),
    case("no-crval", card("CRVAL1", None), IMAGE, "no CRVAL1", "expected a celestial WCS"),
    case("no-crpix", card("CRPIX2", None), IMAGE, "no CRPIX2", "expected a celestial WCS"),
    case("no-ctype", card("CTYPE1", None), IMAGE, "no CTYPE1", "expected a celestial WCS"),
    case("crpix-nan", card("CRPIX1", "CRPIX1  = 'NaN     '"), IMAGE, "CRPIX1 is (?i:nan)", "expected a finite number"),
    case("crpix-bare-nan", card("CRPIX1", "CRPIX1  =                  NaN"), IMAGE, "CRPIX1 is", "expected"),
    case("crval-text", card("CRVAL2", "CRVAL2  = 'south   '"), IMAGE, "CRVAL2 is 'south'", "expected a number"),
    case("declination-beyond-the-pole", card("CRVAL2", "CRVAL2  = -97.0"), IMAGE, r"-97\.0", "-90 to 90"),
    case("galactic", galactic, IMAGE, "CTYPE is 'GLON-TAN', 'GLAT-TAN'", "expected RA and DEC"),
    case("not-celestial", card("CTYPE1", "CTYPE1  = 'LINEAR  '"), IMAGE, "'LINEAR'", "expected RA and DEC"),
    case("unknown-projection", card("CTYPE2", "CTYPE2  = 'DEC--XYZ'"), IMAGE),
    case("singular-cd", singular, IMAGE, "CD matrix", "singular"),
    case(
        "dithered-weight",
        dither,
        rf"{IMAGE}\[wgt\]",
        "ZQUANTIZ is SUBTRACTIVE_DITHER_1",
        "expected SUBTRACTIVE_DITHER_2",
    ),
    case("other-expnum", card("EXPNUM", "EXPNUM  = 77"), IMAGE, "EXPNUM is '77'", r"info file has 2\d+"),
    case("other-ccdnum", card("CCDNUM", "CCDNUM  = 61"), IMAGE, "CCDNUM is '61'", r"info file has \d+"),
    case("other-band", other_band, IMAGE, "BAND is 'z'", "info file has 'r'"),
    case("other-filter", other_filter, IMAGE, "FILTER is 'z'", "info file has 'r'"),
    case("no-seg-path", entry(seg_path=...), "no seg_path", "expected a segmentation map"),
]

BAD_HEADS = [
    case("no-head-path", entry(head_path=...), "no head_path"),
    case("missing", remove("head"), r"scamp\.ohead", "cannot read"),
    case("bytes", text("head", b"\xff\x00 no cards\n"), r"scamp\.ohead"),
    case("empty", text("head", b""), r"scamp\.ohead"),
    case("no-cards", text("head", b"HISTORY\nEND\n"), r"scamp\.ohead", "no CTYPE1"),
]

COADD = rf"{re.escape(SPEC.tilename)}_r0001p01_r\.fits\.fz"
COADD_SEG = rf"{re.escape(SPEC.tilename)}_r0001p01_r_segmap\.fits"

BAD_COADDS = [
    case("missing", remove("image"), COADD, "no such file"),
    case("seg-missing", remove("seg"), COADD_SEG, "no such file"),
    *(case(f"cut-{share}", cut("image", share), COADD, CUT) for share in (0.02, 0.5, 0.9)),
    case("plain-seg-cut", cut("seg", 0.5), COADD_SEG, CUT),
    case("no-such-extension", info(bmask_ext="mask"), COADD, "no extension 'mask'"),
    case(
        "seg-of-another-shape",
        planes("seg", sci=lambda seg: seg[1:]),
        "coadd .*band r",
        "seg is 159 x 170",
        "160 x 170",
        "expected equal shapes",
    ),
    case("float-bmask", planes("image", msk=lambda b: b.astype("f4")), COADD, "bmask is float32"),
    case("float-seg", planes("seg", sci=lambda seg: seg.astype("f4")), COADD_SEG, "seg is float32"),
    case("no-crval", card("CRVAL1", None), COADD, "no CRVAL1"),
    case("crpix-nan", card("CRPIX1", "CRPIX1  = 'NaN     '"), COADD, "CRPIX1 is (?i:nan)"),
    case("galactic", galactic, COADD, "expected RA and DEC"),
    case("singular-cd", singular, COADD, "singular"),
    case("unknown-projection", card("CTYPE2", "CTYPE2  = 'DEC--XYZ'"), COADD),
    case("dithered-weight", dither, COADD, "ZQUANTIZ is SUBTRACTIVE_DITHER_1"),
    case(
        "other-tilename",
        card("TILENAME", "TILENAME= 'DES0000+0000'"),
        COADD,
        "TILENAME is 'DES0000\\+0000'",
        f"info file has '{SPEC.tilename}'",
    ),
    case("other-band", other_band, COADD, "BAND is 'z'", "info file has 'r'"),
]
