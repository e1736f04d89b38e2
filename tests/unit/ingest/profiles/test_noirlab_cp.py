"""Facts about files of the NOIRLab Community Pipeline, each on a file that shows it."""

import shutil
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pytest

from goodpix.ingest.profiles.exposure import CcdInfo, ExposureInfo
from goodpix.ingest.profiles.noirlab_cp import NoirlabCp
from goodpix.schema.criteria import BoundSelection, Selection
from goodpix.schema.errors import AmbiguousInputError, InfoFileError, UsageError
from goodpix.schema.planes.conversion import Meaning

from ....noirlabfiles import CpExposure

PROFILE = NoirlabCp()
NAME = "c4d_150110_053718_ooi_z_ls9.fits.fz"


def read(folder: Path, exposure: CpExposure, **named: str) -> ExposureInfo:
    return PROFILE.read(exposure.write(folder, **named), {})


def first(folder: Path, camera: str = "decam", primary: Any = None, **header: Any) -> CcdInfo:
    return read(folder, CpExposure(camera, primary or {}, header)).src_info[0]


def test_every_ccd_extension_is_an_image_of_the_exposure(tmp_path: Path) -> None:
    info = read(tmp_path, CpExposure(ccds={"N15": 46, "S4": 28, "S31": 1}))
    assert (info.tilename, info.band, info.has_coadd) == ("c4d_150110_053718", "z", False)
    assert [(each.expnum, each.ccdnum, each.image_ext) for each in info.src_info] == [
        (396388, 46, "N15"),
        (396388, 28, "S4"),
        (396388, 1, "S31"),
    ]
    files = info.src_info[1].files
    assert [Path(files[name].path).name for name in ("image", "weight", "bmask")] == [
        NAME,
        NAME.replace("ooi", "oow"),
        NAME.replace("ooi", "ood"),
    ]
    assert {file.ext for file in files.values()} == {"S4"}


@pytest.mark.parametrize(
    ("camera", "version", "meaning"),
    [
        *(
            ("decam", version, Meaning.CODES)
            for version in ("V3.5.0", "V4.8.2a", "V5.2.2LS", "V5.0beta", "V3.10", "4.1")
        ),
        *(("decam", version, Meaning.BITS) for version in ("V3.4.9", "DES V3.2+1", "V2.0", "V3.3")),
        *((camera, "V2.0", Meaning.CODES) for camera in ("mosaic3", "90prime")),
    ],
)
def test_mask_holds_codes_or_bits_by_camera_and_version(
    tmp_path: Path, camera: str, version: str, meaning: Meaning
) -> None:
    assert first(tmp_path, camera, {"PLVER": version}).conversions["bmask"].meaning is meaning


@pytest.mark.parametrize("version", ["none", None])
def test_decam_without_a_version_is_a_failure(tmp_path: Path, version: str | None) -> None:
    with pytest.raises(InfoFileError, match=r"ooi_z_ls9\.fits\.fz: PLVER is .*: expected a version of the pipeline"):
        first(tmp_path, "decam", {"PLVER": version})


def test_old_bits_have_the_names_of_the_codes(tmp_path: Path) -> None:
    bits = dict(first(tmp_path, "decam", {"PLVER": "V3.1"}).conversions["bmask"].bits)
    names = {value.bit_length() - 1: name for name, value in PROFILE.bit_names.se.items()}
    assert {1 << number: names[to] for number, to in bits.items()} == {
        1: "BAD",
        2: "SATURATED",
        4: "INTERPOLATED",
        16: "COSMIC_RAY",
        64: "BLEED",
        128: "EDGE_BLEED",
        256: "EDGE",
        512: "EDGE_2",
    }


def test_code_n_is_bit_n_and_unknown_codes_have_a_name() -> None:
    names = PROFILE.bit_names
    known = ["BAD", "NO_VALUE", "SATURATED", "BLEED", "COSMIC_RAY", "LOW_WEIGHT", "DIFFERENCE", "STREAK", "CODE_9"]
    assert [names.name("se", code) for code in range(1, 10)] == known
    assert names.name("se", 19) == "CODE_19"


@pytest.mark.parametrize(
    ("camera", "primary", "expnum"),
    [
        ("decam", {"EXPNUM": "678026"}, 678026),
        ("decam", {"EXPNUM": "678026.0"}, 678026),
        ("mosaic3", {"EXPNUM": " ", "OBSID": "kp4m.20160203T034112"}, 160203034112),
        ("90prime", {}, 78730103),
        ("90prime", {"DTACQNAM": "d7580.0144"}, 75800144),
    ],
)
def test_exposure_number_is_where_each_camera_has_it(
    tmp_path: Path, camera: str, primary: dict[str, Any], expnum: int
) -> None:
    assert first(tmp_path, camera, primary).expnum == expnum


def test_exposure_without_a_number_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(InfoFileError, match=r"EXPNUM is not a number: expected EXPNUM, a time in OBSID, or DTACQNAM"):
        first(tmp_path, "mosaic3", {"EXPNUM": " "})


def test_ccd_number_is_that_of_the_header_or_of_the_name(tmp_path: Path) -> None:
    info = read(tmp_path, CpExposure("90prime", ccds={"CCD1": None, "CCD4": None}))
    assert [each.ccdnum for each in info.src_info] == [1, 4]
    with pytest.raises(InfoFileError, match=r"\[N15\]: it has no CCDNUM"):
        read(tmp_path, CpExposure(ccds={"N15": None}))


@pytest.mark.parametrize(
    ("camera", "primary", "band"),
    [("mosaic3", {}, "zd"), ("decam", {"BAND": "Y"}, "Y"), ("decam", {"FILTER": "VR DECam c0007"}, "VR")],
)
def test_band_is_the_first_word_of_the_filter(tmp_path: Path, camera: str, primary: dict[str, Any], band: str) -> None:
    assert first(tmp_path, camera, primary).band == band


@pytest.mark.parametrize(
    ("camera", "primary", "wcs_ok"),
    [
        ("decam", {"WCSCAL": "Successful"}, True),
        ("decam", {"WCSCAL": "Failed", "SCAMPFLG": 0}, True),
        ("decam", {"WCSCAL": "Failed", "SCAMPFLG": 1}, False),
        ("mosaic3", {"WCSCAL": "success (DP)"}, True),
        ("mosaic3", {"WCSCAL": "Failed", "SCAMPFLG": 0}, False),
        ("90prime", {}, False),
    ],
)
def test_wcs_is_vouched_for_by_camera(tmp_path: Path, camera: str, primary: dict[str, Any], wcs_ok: bool) -> None:
    assert first(tmp_path, camera, primary).wcs_vouched is wcs_ok


def test_sky_noise_and_seeing_are_where_each_camera_has_them(tmp_path: Path) -> None:
    decam = first(tmp_path, AVSKY=424.0, AVSIG=8.0, FWHM=4.2).facts
    assert decam is not None
    assert (decam.skybrite, decam.skysigma, decam.fwhm) == (424.0, 8.0, 4.2)
    mosaic = first(tmp_path, "mosaic3", {"SKYADU": 53.9, "SKYNOISE": 0.8, "SEEINGP": 3.6}).facts
    assert mosaic is not None
    assert (mosaic.skybrite, mosaic.skysigma, mosaic.fwhm) == (53.9, 0.8, 3.6)


@pytest.mark.parametrize(
    ("camera", "primary", "header", "unit"),
    [
        ("decam", {}, {}, "ADU"),
        ("mosaic3", {"BUNIT": "counts/s"}, {}, "counts/s"),
        ("90prime", {"BUNIT": "counts/s"}, {"BUNIT": "ADU"}, "counts/s"),
    ],
)
def test_unit_is_that_of_the_primary_header(
    tmp_path: Path, camera: str, primary: dict[str, Any], header: dict[str, Any], unit: str
) -> None:
    facts = first(tmp_path, camera, primary, **header).facts
    assert facts is not None
    assert facts.bunit == unit


def test_zero_point_is_decams_alone(tmp_path: Path) -> None:
    assert first(tmp_path, "decam", {"MAGZERO": 30.1}).magzp == 30.1
    assert first(tmp_path, "decam").magzp is None
    assert first(tmp_path, "mosaic3", {"MAGZERO": 21.3}).magzp is None


@pytest.mark.parametrize(("camera", "night"), [("decam", 20160201), ("mosaic3", 20160131)])
def test_night_changes_at_noon_of_the_site(tmp_path: Path, camera: str, night: int) -> None:
    facts = first(tmp_path, camera, {"DATE-OBS": "2016-02-01T16:00:00"}).facts
    assert facts is not None
    assert facts.nite == night


@pytest.mark.parametrize(("larger", "trim"), [(0, 0), (1, 1), (2, 0)])
def test_weights_one_pixel_larger_at_each_edge_are_trimmed(tmp_path: Path, larger: int, trim: int) -> None:
    ccd = read(tmp_path, CpExposure(larger=larger)).src_info[0]
    assert (ccd.conversions["weight"].trim, ccd.conversions["bmask"].trim) == (trim, 0)
    assert ccd.conversions["weight"].lost_zeros


@pytest.mark.parametrize(
    ("nx", "ltv1", "ccdnum", "a", "b"),
    [
        (2046, -1.0, 31, "[1024:2046,1:9]", "[1:1023,1:9]"),
        (2046, -1.0, 32, "[1:1023,1:9]", "[1024:2046,1:9]"),
        (2048, 0.0, 1, "[1025:2048,1:9]", "[1:1024,1:9]"),
        (100, -1.0, 1, None, None),
    ],
)
def test_amplifiers_of_decam_are_known_for_whole_ccds(
    tmp_path: Path, nx: int, ltv1: float, ccdnum: int, a: str | None, b: str | None
) -> None:
    facts = read(tmp_path, CpExposure(shape=(9, nx), header={"LTV1": ltv1}, ccds={"X1": ccdnum})).src_info[0].facts
    assert facts is not None
    assert (facts.dataseca, facts.datasecb) == (a, b)


def test_amplifiers_of_other_cameras_are_not_guessed(tmp_path: Path) -> None:
    facts = read(tmp_path, CpExposure("mosaic3", shape=(9, 2046))).src_info[0].facts
    assert facts is not None
    assert (facts.dataseca, facts.datasecb) == (None, None)


@pytest.mark.parametrize("letter", ["w", "d"])
def test_image_without_weights_or_data_quality_is_a_failure_that_names_them(tmp_path: Path, letter: str) -> None:
    path = CpExposure().write(tmp_path)
    missing = NAME.replace("ooi", f"oo{letter}")
    (tmp_path / missing).unlink()
    with pytest.raises(InfoFileError, match=f"{NAME}: its .*, {missing}, are missing beside it"):
        PROFILE.read(path, {})


def test_companions_may_be_packed_where_the_image_is_not(tmp_path: Path) -> None:
    path = CpExposure().write(tmp_path)
    path.rename(unpacked := path.with_name(path.name.removesuffix(".fz")))
    assert PROFILE.read(unpacked, {}).src_info[0].weight_path.endswith("oow_z_ls9.fits.fz")


def test_images_are_ooi_and_oki_alone(tmp_path: Path) -> None:
    names = ["a_ooi_r_v1.fits.fz", "b_oki_r_v1.fits", "c_opi_r_v1.fits.fz", "d_osi_r_v1.fits", "a_oow_r_v1.fits.fz"]
    names += ["e_ooi_g.fits.fz", "f_ooi_z_ls9.S4.fits", "g_ooi_r_v1.fits.txt"]
    for name in names:
        (tmp_path / name).touch()
    found = [path.name for path in PROFILE.find([tmp_path], {})]
    assert found == ["a_ooi_r_v1.fits.fz", "b_oki_r_v1.fits", "e_ooi_g.fits.fz", "f_ooi_z_ls9.S4.fits"]


def test_companions_of_oki_are_oow_and_ood(tmp_path: Path) -> None:
    path = CpExposure("mosaic3").write(tmp_path)
    path.rename(oki := path.with_name(path.name.replace("ooi", "oki")))
    assert PROFILE.read(oki, {}).src_info[0].weight_path.endswith("_oow_z_ls9.fits.fz")


def test_two_versions_of_an_exposure_are_refused_unless_one_is_chosen(tmp_path: Path) -> None:
    first, second = (tmp_path / f"c4d_1_ooi_r_{suffix}.fits.fz" for suffix in ("ls9", "v1"))
    for path in (first, second):
        path.touch()
    with pytest.raises(
        AmbiguousInputError, match=f"^{first} and {second} are both of exposure c4d_1.*--set suffix=ls9"
    ):
        PROFILE.find([tmp_path], {})
    assert PROFILE.find([tmp_path], {"suffix": "v1"}) == [second]
    with pytest.raises(UsageError, match="no image has the suffix v2"):
        PROFILE.find([tmp_path], {"suffix": "v2"})


def test_packed_and_unpacked_file_of_one_exposure_are_refused(tmp_path: Path) -> None:
    for end in (".fits", ".fits.fz"):
        (tmp_path / f"c4d_1_ooi_r_v1{end}").touch()
    with pytest.raises(AmbiguousInputError, match=r"are both of exposure c4d_1: give one of them$"):
        PROFILE.find([tmp_path], {})


def test_folder_without_images_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"contains no \*_ooi_\*\.fits or \*_ooi_\*\.fits\.fz"):
        PROFILE.find([tmp_path], {})
    (tmp_path / "other.fits").touch()
    with pytest.raises(UsageError, match=r"other\.fits: its name is not that of an image"):
        PROFILE.find([tmp_path / "other.fits"], {})


def test_file_without_images_is_a_failure(tmp_path: Path) -> None:
    path = CpExposure().write(tmp_path)
    with fitsio.FITS(str(path), "rw", clobber=True) as file:
        file.write(None, header={"INSTRUME": "DECam", "FILTER": "r", "PLVER": "V4.1", "EXPNUM": 1})
        file.write({"a": np.arange(3)}, extname="TABLE")
    with pytest.raises(InfoFileError, match="no extension with an EXTNAME holds an image"):
        PROFILE.read(path, {})
    shutil.rmtree(tmp_path)


def test_shipped_selections_know_their_bits() -> None:
    found = {name: Selection.parse(words) for name, words in PROFILE.selections.items()}
    assert found["cp-legacy-surveys"] == Selection(ignore_bits={"SE": ["STREAK"]})
    flags = np.array([(1 << 8 + 8) | 4, (1 << 8 + 7) | 4, (1 << 8 + 5) | 4, 0])
    good = {name: BoundSelection(each, PROFILE.bit_names).good(flags).tolist() for name, each in found.items()}
    assert good == {
        "cp-legacy-surveys": [True, False, False, True],
        "cp-legacy-surveys-before-4.8": [True, False, True, True],
        "cp-legacy-surveys-mosaic-90prime": [True, True, False, True],
    }


@pytest.mark.parametrize(
    ("kinds", "ignored"),
    [
        ([("decam", "V4.8.2a")], ["STREAK"]),
        ([("decam", "V5.2.2LS"), ("decam", "V4.8.0")], ["STREAK"]),
        ([("decam", "V4.1")], ["COSMIC_RAY", "STREAK"]),
        ([("decam", "V3.2")], []),
        ([("mosaic3", "V4.3")], ["DIFFERENCE", "STREAK"]),
        ([("90prime", "V5.0beta")], ["DIFFERENCE", "STREAK"]),
        ([("decam", "V4.1"), ("mosaic3", "V4.3")], ["STREAK"]),
        ([("decam", "V4.1"), ("decam", "V3.2")], []),
    ],
)
def test_selection_of_the_legacy_surveys_is_right_for_every_image(
    tmp_path: Path, kinds: list[tuple[str, str]], ignored: list[str]
) -> None:
    paths = [
        CpExposure(camera, {"PLVER": version}).write(tmp_path, f"c4d_{number}_ooi_z_v1")
        for number, (camera, version) in enumerate(kinds)
    ]
    found = PROFILE.selections_of(paths, {})
    assert list(found) == ["cp-legacy-surveys"]
    assert Selection.parse(found["cp-legacy-surveys"]) == Selection(ignore_bits={"SE": ignored} if ignored else {})
    assert PROFILE.selections_of([], {}) == {}
