"""HEALPix maps of good pixels and of what the images are like there."""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import sqlalchemy as sa

from ...schema.criteria import BoundSelection, Selection
from ...schema.errors import UsageError
from ...schema.extras import optional
from ...schema.views import VIEWS
from ...schema.wcs.footprint import NSIDE
from ...schema.wcs.healpixlookup import CENTRES_NSIDE
from ..background.dataset import SkyDataset
from ..filters import FilterKeywords, Filters
from ..provenance import Provenance
from ..source import Source
from .imagevalues import MEASURED
from .memory import check_memory
from .patches import PATCH_NSIDE, Patch, find_patches, map_patches
from .statistics import Statistic, check_statistics, filters_text
from .tally import Sums, Tally

__all__ = ["healsparse_map", "healsparse_maps"]

logger = logging.getLogger(__name__)

_MAX_NSIDE = 1 << 29

# Pixels along the side of a patch beyond which patches are made smaller.
_MOST_ALONG_PATCH = 256

# Copies of a map while healsparse grows or reads it.
_COPIES = 2

# Numbers of 8 bytes that a worker holds for each pixel of a patch.
_NUMBERS_PER_PIXEL = 40


def healsparse_map(source: Source, statistic: str | Iterable[str] = "fraction", **options: Any) -> Any:
    """Return a HEALPix map of one statistic, or a dict of maps of several; see `goodpix.Catalogue.healsparse_map`."""
    maps = healsparse_maps(source, statistic, **options)
    return next(iter(maps.values())) if isinstance(statistic, str) else maps


def healsparse_maps(
    source: Source,
    statistics: str | Iterable[str],
    *,
    nside: int = 4096,
    nside_coverage: int = 32,
    selection: Selection | None = None,
    unique: bool = True,
    executor: Executor | None = None,
    workers: int = 1,
    dataset: str | os.PathLike[str] | None = None,
    **filters: Unpack[FilterKeywords],
) -> dict[str, Any]:
    """Return HEALPix maps by name, all made in one pass; see `goodpix.Catalogue.healsparse_map`."""
    wanted = check_statistics(statistics, source.database.identity.bit_names)
    _check_resolution("nside", nside)
    _check_resolution("nside_coverage", nside_coverage)
    if nside_coverage > nside:
        raise UsageError(f"nside_coverage is {nside_coverage}: expected nside, {nside}, or less")
    with optional("healsparse"):
        import healsparse  # an extra
    bound = source.bound(selection)
    nside, nside_coverage = int(nside), int(nside_coverage)
    patch_nside = min(max(nside // _MOST_ALONG_PATCH, PATCH_NSIDE), NSIDE)
    # larger patches would have too many pixels, or in those of coarse maps sums in another order
    spread = executor is not None or workers > 1 or patch_nside > PATCH_NSIDE or nside < PATCH_NSIDE
    patches = find_patches(source.database, patch_nside, filters, spread=spread)
    if not patches:
        logger.warning("no image matches the filters: the maps are empty")
    coverage = _coverage(patches, nside_coverage)
    check_memory(f"nside is {nside}", _n_bytes(wanted, nside, nside_coverage, len(coverage), patches, workers))
    tally = Tally(nside, max(CENTRES_NSIDE, nside), bound, wanted, unique)
    maps = {
        each.name: healsparse.HealSparseMap.make_empty(
            nside_coverage, nside, dtype=np.int32 if each.integer else np.float32, cov_pixels=coverage or None
        )
        for each in wanted
    }
    left_out: Counter[str] = Counter()
    noise = None if dataset is None else SkyDataset(Path(dataset)).noise()
    found = map_patches(source, bound, tally, patches, filters, executor=executor, workers=workers, noise=noise)
    for sums in _merged(found, left_out):
        for each in wanted:
            values = sums.values(each)
            known = ~np.isnan(values)
            maps[each.name].update_values_pix(sums.pixels[known], values[known].astype(maps[each.name].dtype))
    for each in wanted:
        maps[each.name].metadata = _metadata(source, each, bound, tally, filters)
    for line in _lines(wanted, left_out):
        logger.warning("%s", line)
    return maps


def _merged(found: Iterable[Sums], left_out: Counter[str]) -> Iterator[Sums]:
    """Yield sums, one of each pixel that several patches have, and count what is left out."""
    shared: dict[int, Sums] = {}
    for sums in found:
        left_out.update(sums.left_out)
        if not sums.images:
            yield sums
            continue
        for single in _single(sums):
            pixel = int(single.pixels[0])
            shared[pixel] = shared[pixel].merged(single) if pixel in shared else single
    yield from shared.values()


def _single(sums: Sums) -> Iterator[Sums]:
    for k in range(sums.pixels.size):
        arrays = {name: array[k : k + 1] for name, array in sums.arrays.items()}
        yield Sums(sums.pixels[k : k + 1], sums.n_centres, arrays, sums.images[k : k + 1])


def _coverage(patches: list[Patch], nside: int) -> list[int]:
    """Return the pixels of a coverage map that images touch; none if it is finer than footprints."""
    coarser = 2 * (NSIDE.bit_length() - nside.bit_length())
    if coarser < 0:
        return []
    return sorted({cell >> coarser for patch in patches for cell in patch.cells})


def _n_bytes(
    statistics: tuple[Statistic, ...],
    nside: int,
    nside_coverage: int,
    n_coverage: int,
    patches: list[Patch],
    workers: int,
) -> int:
    """Return the memory that maps take while they are made, bytes."""
    n_cells = [len(patch.cells) for patch in patches] or [0]
    per_cell = max(1.0, nside / NSIDE) ** 2
    coverage = n_coverage * (nside // nside_coverage) ** 2 if n_coverage else sum(n_cells) * per_cell
    work = 8 * _NUMBERS_PER_PIXEL * max(n_cells) * per_cell * workers
    return int(_COPIES * 4 * len(statistics) * coverage + work)


@dataclass(frozen=True, slots=True)
class _Loss:
    """Images that do not count in some maps, and why."""

    which: str
    why: str
    names: tuple[str, ...]

    def line(self, left_out: Mapping[str, int]) -> str | None:
        n, n_all = left_out[self.which], left_out["images"]
        if not n or not self.names:
            return None
        left = "null" if n == n_all and self.which != "mu_sky" else f"{n} of {n_all} images do not count"
        return f"{', '.join(self.names)}: {left}: {self.why}"


def _lines(statistics: tuple[Statistic, ...], left_out: Mapping[str, int]) -> Iterator[str]:
    """Yield a line for each reason why images do not count in maps."""
    weighted = tuple(each.name for each in statistics if each.needs_weight)
    scaled = tuple(each.name for each in statistics if each.needs_zero_point and not each.needs_weight)
    sky = tuple(each.name for each in statistics if each.quantity == "mu_sky")
    losses = (
        _Loss("no weight", "a weight takes a zero point and a sky variance", weighted),
        _Loss("no zero point", "no zero point (magzp)", scaled),
        _Loss("mu_sky", "the sky is outside 14.5 to 25 mag/arcsec^2: check their zero points", sky),
    )
    measured = (_Loss(each, why, _made_of(statistics, each)) for each, why in MEASURED.items())
    yield from (line for loss in (*losses, *measured) if (line := loss.line(left_out)) is not None)


def _made_of(statistics: tuple[Statistic, ...], value: str) -> tuple[str, ...]:
    """Return the names of statistics that need a value of the image, without those whose weight needs it."""
    quantities = {value, f"{value}_zp30"} if value != "skybrite" else {"mu_sky"}
    weighted_by = ("skyvar", "skysigma")
    return tuple(
        each.name
        for each in statistics
        if each.quantity in quantities and not (each.needs_weight and value in weighted_by)
    )


def _metadata(
    source: Source, statistic: Statistic, selection: BoundSelection, tally: Tally, filters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the header of a map: FITS cards by keyword."""
    provenance = Provenance.of(selection, catalogue=source.database.identity)
    unit = _unit(source, statistic.unit, filters)
    cards: dict[str, Any] = {"MAPTYPE": statistic.name, "WHAT": statistic.meaning, "BUNIT": unit}
    cards |= {"CENTRES": tally.centres_nside, "UNIQUE": tally.unique, "FILTERS": filters_text(filters)}
    return cards | {card["name"]: card["value"] for card in provenance.cards()}


def _unit(source: Source, unit: str, filters: Mapping[str, Any]) -> str:
    """Return a unit with that of the images in place of ``bunit``, where all have the same."""
    if "bunit" not in unit:
        return unit
    view = VIEWS["epoch_quality"].table
    query = sa.select(view.c.bunit).where(*Filters.of(**filters).conditions(view)).distinct()
    with source.database.engine.connect() as connection:
        found = connection.scalars(query).all()
    return unit.replace("bunit", found[0]) if len(found) == 1 and found[0] else unit


def _check_resolution(name: str, number: object) -> None:
    power = int(number) if isinstance(number, int | np.integer) and not isinstance(number, bool) else 0
    if not 0 < power <= _MAX_NSIDE or power & (power - 1):
        raise UsageError(f"{name} is {number!r}: expected a power of 2, up to 2**{_MAX_NSIDE.bit_length() - 1}")
