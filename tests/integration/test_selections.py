"""Facts about other definitions of good: what they give without the images is what an ingest would."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import goodpix
from goodpix import FilterKeywords, Mask, Selection
from goodpix.schema.criteria import Criterion
from goodpix.schema.errors import UnknownNameError, UsageError

from .conftest import Run
from .survey import SPEC, Survey, rewrite

WIDE = Selection(ignore_bits={"SE": ["STAR"]}, grow={"COADD_SEG": 3, "SE_SEG": 1.5}, border=5)
GONE = [
    (Selection(ignore=["SE_SEG"]), 0, "seg", None),
    (Selection(ignore=["SE_WEIGHT"]), 0, "weight", None),
    (Selection(ignore=["SE_BMASK"]), 0, "bmask", -1),
    (Selection(ignore_bits={"SE": ["BPM"]}), 0, "bmask", 1),
    (Selection(ignore_bits={"SE": ["STAR", 1, "INTERP"]}), 0, "bmask", 32 | 1 | 4),
    (Selection(ignore=["COADD_SEG"]), None, "seg", None),
    (Selection(ignore=["COADD_WEIGHT"]), None, "weight", None),
    (Selection(ignore_bits={"COADD": ["NO_DATA"]}), None, "bmask", 1),
]


@pytest.mark.parametrize(("selection", "number", "plane", "bits"), GONE, ids=str)
def test_what_is_ignored_might_as_well_not_be_in_the_images(
    stored: Survey, selection: Selection, number: int | None, plane: str, bits: int | None
) -> None:
    numbers = [None] if number is None else range(SPEC.n_epochs)
    with stored.catalogue() as catalogue:
        before = {mask.key: mask.criteria(selection) for mask in catalogue.masks(band="r")}
        default = {mask.key: mask.criteria() for mask in catalogue.masks(band="r")}
    for each in numbers:
        pixels = stored.plane(each, plane)
        cleared = np.ones_like(pixels) if plane == "weight" else pixels & ~np.array(bits or -1, pixels.dtype)
        extname = {"weight": "wgt", "bmask": "msk", "seg": "sci"}[plane]
        rewrite(stored.path(each, plane), {extname: cleared})
    stored.ingest()
    with stored.catalogue() as catalogue:
        after = {mask.key: mask.criteria() for mask in catalogue.masks(band="r")}
    assert len(after) == len(before) == SPEC.n_epochs
    assert all(np.array_equal(before[key], after[key]) for key in after)
    assert any((default[key] != after[key]).any() for key in after)


@pytest.mark.parametrize("selection", [WIDE, Selection(ignore=["OFF_COADD"]), Selection()], ids=str)
def test_counts_of_a_selection_are_those_of_its_pixels(ingested: Survey, selection: Selection) -> None:
    with ingested.catalogue() as catalogue:
        epochs = catalogue.epochs(selection=selection, band="r")
        masks = {mask.key.name: mask for mask in catalogue.masks(band="r")}
    assert len(epochs) == SPEC.n_epochs
    for row in epochs.to_dict("records"):
        criteria = masks[f"{row['expnum']}/{row['ccdnum']}"].criteria(selection)
        assert row["n_good"] == (criteria == 0).sum()
        assert row["n_good_se"] == (criteria & 0x87 == 0).sum()
        assert row["n_on_coadd"] == (criteria & 8 == 0).sum()
        assert row["fraction_good"] == pytest.approx((criteria == 0).mean())
        assert row["area_good"] == pytest.approx((criteria == 0).sum() * row["pixel_area"] / 3600)
        for each in Criterion:
            name = str(each.name).lower()
            assert row[f"n_{name}"] == (criteria & each != 0).sum()
            assert row[f"only_{name}"] == (criteria == each).sum()
        assert row["selection"] == str(selection)


def test_default_selection_gives_the_stored_counts(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        stored, counted = catalogue.epochs(), catalogue.epochs(selection=Selection())
    unknown = ["n_good_unique", "area_good_unique", "good_area_images_unique"]
    same = [name for name in stored.columns if name not in unknown]
    pd.testing.assert_frame_equal(stored[same], counted[same], check_dtype=False)
    assert counted[unknown].isna().all(axis=None)


def test_bounds_are_about_the_counts_of_the_selection(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        every = catalogue.epochs(selection=WIDE)
        limit = int(every["n_good"].median())
        found = catalogue.epochs(selection=WIDE, min={"n_good": limit, "exptime": 1})
        none = catalogue.epochs(selection=WIDE, min={"n_good": 10**9})
    assert found["n_good"].tolist() == sorted_as(every, every["n_good"] >= limit)
    assert list(none.columns) == list(every.columns)
    assert none.empty


def sorted_as(frame: pd.DataFrame, which: Any) -> list[int]:
    values: list[int] = frame.loc[which, "n_good"].tolist()
    return values


def test_nothing_counted_has_the_columns_all_the_same(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        every, none = (catalogue.epochs(selection=WIDE, band=band) for band in ("r", "u"))
    assert none.empty
    assert list(none.columns) == list(every.columns)


def test_counts_are_the_same_whoever_counts(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue, ThreadPoolExecutor(2) as threads:
        alone = catalogue.epochs(selection=WIDE)
        pd.testing.assert_frame_equal(catalogue.epochs(selection=WIDE, workers=2), alone)
        pd.testing.assert_frame_equal(catalogue.epochs(selection=WIDE, executor=threads), alone)


def test_mask_that_is_damaged_is_not_counted_and_said(stored: Survey, caplog: pytest.LogCaptureFixture) -> None:
    damage(stored)
    with stored.catalogue() as catalogue:
        found = catalogue.epochs(selection=WIDE)
    assert found.groupby("band")["n_good"].count().to_dict() == {"i": SPEC.n_epochs, "r": 0}
    assert "not counted: MaskFileError" in caplog.text


def damage(survey: Survey, band: str = "r") -> None:
    """Break the mask file of a band."""
    (file,) = [survey.masks / name for name in survey.mask_files() if name.startswith(f"{band}/")]
    file.write_bytes(file.read_bytes()[:-9])


def n_good(mask: Mask) -> int:
    return mask.count()


@pytest.mark.parametrize("workers", [1, 2])
def test_function_is_applied_to_every_mask(ingested: Survey, workers: int) -> None:
    with ingested.catalogue() as catalogue:
        found = list(catalogue.map(Mask.count, workers=workers, band="r"))
        expected = {mask.key: mask.count() for mask in catalogue.masks(band="r")}
    assert {each.key: each.value for each in found} == expected
    assert all(each.error is None for each in found)


def fails_once(mask: Mask) -> int:
    if mask.key.name == fails_once.__dict__["name"]:
        raise ArithmeticError("of one's own")
    return mask.count()


def test_mask_that_fails_ends_nothing(stored: Survey) -> None:
    damage(stored, "i")
    fails_once.__dict__["name"] = stored.name(1)
    with stored.catalogue() as catalogue, ThreadPoolExecutor(2) as threads:
        for executor in (None, threads):
            found = {f"{each.key.band} {each.key.name}": each for each in catalogue.map(fails_once, executor)}
            assert len(found) == 2 * SPEC.n_epochs
            for name, each in found.items():
                if name == f"r {stored.name(1)}":
                    assert each.error == "ArithmeticError: of one's own"
                elif name.startswith("i"):
                    assert (each.error or "").startswith("MaskFileError: mask file")
                else:
                    assert each.value > 0


def test_coadds_can_be_mapped_over(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = list(catalogue.map(n_good, kind="coadd"))
    assert [each.key.kind for each in found] == ["coadd", "coadd"]


def test_no_workers_are_refused(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue, pytest.raises(UsageError, match="workers is 0: expected 1 or more"):
        list(catalogue.map(n_good, workers=0))


def test_own_masks_combine_with_those_of_the_catalogue(ingested: Survey) -> None:
    entry = ingested.epoch(0)
    with ingested.catalogue() as catalogue:
        mask = catalogue.mask(SPEC.tilename, "r", entry["expnum"], entry["ccdnum"])
        other = catalogue.mask(SPEC.tilename, "i", *(ingested.epoch(0, "i")[key] for key in ("expnum", "ccdnum")))
    ra, dec = mask.grid.wcs.sky(np.array([30.0]), np.array([50.0]))
    star = Mask.from_discs(ra, dec, 12 * 0.263 / 3600, like=mask)
    y, x = np.indices(mask.shape)
    outside = np.hypot(x - 29, y - 49) > 12
    assert (star.good() != outside).sum() < 12  # the scale is not quite 0.263 arcsec
    cut = mask & star
    assert np.array_equal(cut.good(), mask.good() & star.good())
    assert cut.key == mask.key
    assert np.array_equal(cut.good(Selection(ignore=["SE_SEG"])), mask.good(Selection(ignore=["SE_SEG"])) & star.good())
    part = mask.cutout(10, 50, 20, 90)
    assert np.array_equal(Mask.from_discs(ra, dec, 12 * 0.263 / 3600, like=part).good(), star.good()[20:90, 10:50])
    corners = np.column_stack(mask.grid.wcs.sky(np.array([11.0, 40, 30]), np.array([21.0, 25, 99])))
    assert 0 < Mask.from_polygons([corners], like=mask).bad().sum() < mask.bad().size
    for one, another in ((mask, other), (mask, part), (other, star)):
        with pytest.raises(UsageError, match="expected masks of the same pixels of one image"):
            one & another
    with pytest.raises(UsageError, match="has no WCS"):
        Mask.from_discs(ra, dec, 1, like=Mask.from_bool(outside))
    with pytest.raises(UsageError, match="expected masks of the same image"):
        Mask.from_bool(outside) & Mask.from_bool(outside[1:])


def test_any_condition_can_be_a_filter(ingested: Survey) -> None:
    import sqlalchemy as sa

    from goodpix.schema.tables import epoch

    with ingested.catalogue() as catalogue:
        every = catalogue.epochs()
        middle = float(every["exptime"].median())
        for where in (sa.column("exptime") >= middle, epoch.c.exptime >= middle):
            found = catalogue.epochs(where=where)
            assert found["expnum"].tolist() == every.loc[every["exptime"] >= middle, "expnum"].tolist()
            assert len(list(catalogue.masks(where=where))) == len(found)
        either = sa.or_(sa.column("band") == "r", sa.column("ccdnum").in_([-1]))
        assert catalogue.epochs(where=either, band=["r", "i"])["band"].unique().tolist() == ["r"]
        with pytest.raises(UnknownNameError, match="epoch_quality has no column 'exptme', did you mean 'exptime'"):
            catalogue.epochs(where=sa.column("exptme") > 1)
        middle_or_more: FilterKeywords = {"where": "exptime >= :middle AND band = 'r'", "params": {"middle": middle}}
        as_sql = catalogue.epochs(**middle_or_more)
        chosen = every[(every["exptime"] >= middle) & (every["band"] == "r")]
        assert as_sql["expnum"].tolist() == chosen["expnum"].tolist() != []
        assert len(list(catalogue.masks(**middle_or_more))) == len(chosen)
        # of a table that is joined with others
        ra, dec = every.iloc[0][["ra_cent", "dec_cent"]]
        assert set(catalogue.at(ra, dec, where="band = 'r'")["band"]) == {"r"}
        assert catalogue.background(where="band = 'none'").empty
        with pytest.raises(UnknownNameError, match="epoch_quality has no column 'exptme', did you mean 'exptime'"):
            catalogue.epochs(where="exptme > 1")
        with pytest.raises(UsageError, match=r"where: unexpected '; DROP TABLE epoch'"):
            catalogue.epochs(where="exptime > 1; DROP TABLE epoch")


def test_options_are_the_selection(ingested: Survey, cli: Run, tmp_path: Path) -> None:
    entry = ingested.epoch(0)
    options = ["--ignore-bit", "SE:STAR", "--grow", "COADD_SEG=3", "--grow", "SE_SEG=1.5", "--border", "5"]
    done = cli("epochs", "--db", ingested.database, "--band", "r", *options, "-o", tmp_path / "epochs.parquet")
    assert done.status == 0
    with ingested.catalogue() as catalogue:
        expected = catalogue.epochs(selection=WIDE, band="r")
        mask = catalogue.mask(SPEC.tilename, "r", entry["expnum"], entry["ccdnum"])
    assert pd.read_parquet(tmp_path / "epochs.parquet")["n_good"].tolist() == expected["n_good"].tolist()
    assert f"selection: {WIDE}" in done.err
    place = (SPEC.tilename, "r", entry["expnum"], entry["ccdnum"])
    done = cli("mask", *place, "--db", ingested.database, *options, "-o", tmp_path / "mask.npz")
    assert f"good pixels ({WIDE}): {mask.count(WIDE):,}" in done.out
    assert np.array_equal(np.load(tmp_path / "mask.npz")["good"], mask.good(WIDE))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--grow", "SE_SEG"], "--grow SE_SEG: expected WHAT=PIXELS"),
        (["--grow", "SE_SEG=far"], "grow SE_SEG by 'far': expected a radius"),
        (["--grow", "SE_SEGG=3"], "did you mean SE_SEG"),
        (["--grow", "SE:TRIAL=3"], "TRAIL"),
        (["--ignore-bit", "SE:3"], "3"),
    ],
)
def test_option_that_is_no_selection_is_refused(ingested: Survey, cli: Run, options: list[str], message: str) -> None:
    done = cli("epochs", "--db", ingested.database, *options)
    assert (done.status, done.out) == (2, "")
    (line,) = done.lines
    assert message in line


def test_what_is_no_selection_is_refused_wherever_it_is_used(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        mask = catalogue.mask(SPEC.tilename, "r")
        tile = (SPEC.tilename, "r")
        wrong: Any = "SE_SEG"
        uses: list[Callable[[], object]] = [
            lambda: mask.good(wrong),
            lambda: mask.count(wrong),
            lambda: mask.criteria(wrong),
            lambda: mask.cutout(0, 9, 0, 9).recut(wrong),
            lambda: catalogue.epochs(selection=wrong),
            lambda: catalogue.at(SPEC.ra, SPEC.dec, selection=wrong),
            lambda: catalogue.good_epoch_map(*tile, wrong),
            lambda: catalogue.sky_area(wrong),
            lambda: catalogue.healsparse_map(selection=wrong),
            lambda: catalogue.background(selection=wrong),
            lambda: list(catalogue.pixels(selection=wrong)),
        ]
        for use in uses:
            with pytest.raises(UsageError, match=r"^selection is 'SE_SEG': expected a goodpix\.Selection$"):
                use()


@pytest.mark.parametrize("selection", [None, Selection(border=3)])
@pytest.mark.parametrize("which", ["min", "max"])
def test_bounds_that_are_no_mapping_are_refused(ingested: Survey, selection: Selection | None, which: str) -> None:
    wrong: Any = {which: 5}
    with ingested.catalogue() as catalogue, pytest.raises(UsageError, match=f"^{which} is 5: expected a mapping"):
        catalogue.epochs(selection=selection, **wrong)


def test_mask_that_is_not_there_is_refused_with_what_is(ingested: Survey) -> None:
    entry = ingested.epoch(0)
    wrong: list[tuple[tuple[Any, ...], str]] = [
        (("DES9999-9999", "r", 1, 1), "there is no tile DES9999-9999"),
        ((SPEC.tilename, "u", 1, 1), f"tile {SPEC.tilename} has bands i, r"),
        ((SPEC.tilename, "u"), f"tile {SPEC.tilename} has bands i, r"),
        ((SPEC.tilename, "r", 1, 1), "the tile has no exposure 1 in that band"),
        ((SPEC.tilename, "r", entry["expnum"], 99), f"the tile has CCD {entry['ccdnum']}"),
    ]
    with ingested.catalogue() as catalogue:
        for key, message in wrong:
            with pytest.raises(goodpix.GoodpixError, match=message):
                catalogue.mask(*key)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (("r", 211000.7, 12.9), "expnum is 211000.7: expected a whole number"),
        (("r", 211000, 12.9), "ccdnum is 12.9: expected a whole number"),
        (("r", "a", "b"), "expnum is 'a': expected a whole number"),
        ((["r"], 211000, 12), r"band is \['r'\]: expected text"),
    ],
)
def test_key_that_is_none_is_refused(ingested: Survey, key: tuple[Any, ...], message: str) -> None:
    with ingested.catalogue() as catalogue:
        for ask in (partial(catalogue.mask, "T"), catalogue.ccd_mask, partial(catalogue.background_map, "T")):
            with pytest.raises(UsageError, match=f"^{message}$"):
                ask(*key)


def test_tile_that_is_no_name_is_refused(ingested: Survey) -> None:
    wrong: Any = ["T"]
    with ingested.catalogue() as catalogue, pytest.raises(UsageError, match=r"^tilename is \['T'\]: expected text$"):
        catalogue.mask(wrong, "r")


def test_notebook_shows_a_mask(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        mask = catalogue.mask(SPEC.tilename, "r")
    picture = mask._repr_png_()
    assert picture is not None
    assert picture.startswith(b"\x89PNG")
    assert mask._repr_html_() == f"<code>&lt;{repr(mask)[1:-1]}&gt;</code>"


def test_masks_are_tables_in_every_form(ingested: Survey, tmp_path: Path) -> None:
    with ingested.catalogue() as catalogue:
        rows, table = catalogue.to_pandas(band="r"), catalogue.to_arrow(band="r")
        assert catalogue.to_parquet(tmp_path / "masks.parquet", band="r") == SPEC.n_epochs
        runs = list(catalogue.runs(band="r"))
        masks = list(catalogue.masks(band="r"))
        assert catalogue.to_arrow(band="u").num_rows == 0
        assert catalogue.to_pandas(band="u").columns.tolist() == rows.columns.tolist()
    read = pd.read_parquet(tmp_path / "masks.parquet")
    for number, mask in enumerate(masks):
        for each in (rows, read, table.to_pandas()):
            assert each["lengths"][number].tolist() == mask.encoded.lengths.tolist()
            assert each["flags"][number].tolist() == mask.encoded.flags.tolist()
            assert each["expnum"][number] == mask.key.expnum
        assert runs[number]["length"].sum() == mask.good().size
        assert runs[number]["ccdnum"].unique().tolist() == [mask.key.ccdnum]
    assert [*table.schema.names[:-2], "run_lengths", "run_flags", *table.schema.names[-2:]] == rows.columns.tolist()
