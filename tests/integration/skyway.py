"""Sky statistics the plain way: whole planes, numpy and astropy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.stats import mad_std, sigma_clip, sigma_clipped_stats

__all__ = ["plain_statistics"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Rows that a first plane is fitted to, at least.
_FIRST_ROWS = 512


def plain_statistics(
    image: npt.NDArray[Any],
    weight: npt.NDArray[Any],
    good: Bools,
    box: tuple[slice, slice] = (slice(None), slice(None)),
) -> Mapping[str, float | None]:
    """Return the statistics of a box of rows and columns, by column; nothing but numbers of pixels where none is good.

    Values are taken in double precision.
    """
    values, weights, used = image[box].astype(np.float64), weight[box].astype(np.float64), good[box]
    finite = used & np.isfinite(values)
    v = values[finite]
    found: dict[str, float | None] = {"n": v.size, "n_not_finite": int(used.sum()) - v.size, "n_pixels": used.size}
    if not v.size:
        return found
    mean, median, std = sigma_clipped_stats(v)
    n_clipped = int(sigma_clip(v).count())
    found |= {"mean": v.mean(), "std": v.std(), "median": np.median(v), "mad_std": mad_std(v)}
    found |= {"n_clipped": n_clipped, "clipped_mean": mean, "clipped_median": median, "clipped_std": std}
    found["clipped_mean_error"] = std / np.sqrt(n_clipped)
    found |= {f"p{each:02d}": np.percentile(v, each) for each in (1, 5, 16, 25, 75, 84, 95, 99)}
    known = finite & np.isfinite(weights) & (weights > 0)
    if known.any():
        predicted = np.sqrt((1 / weights[known]).mean())
        found |= {"noise_predicted": predicted, "noise_ratio": mad_std(v) / predicted}
    return found | _of_places(values, finite, float(median), 3 * float(std))


def _of_places(values: Floats, finite: Bools, level: float, limit: float) -> dict[str, float | None]:
    ny, nx = values.shape
    y, x = np.indices(values.shape).astype(float)
    x, y = x - (nx - 1) / 2, y - (ny - 1) / 2
    rows = np.flatnonzero(finite.any(axis=1))
    # every so many rows, from the first that was read
    first: Bools = np.zeros(values.shape, np.bool_)
    step = max(1, (rows[-1] + 1 - rows[0]) // _FIRST_ROWS)
    first[rows[0] :: step] = True
    plane = np.full(values.shape, level)
    solved = _solve(values, x, y, finite & first & (np.abs(values - level) <= limit))
    if solved is not None:
        plane = solved[0][0] + solved[0][1] * x + solved[0][2] * y
    about = np.where(finite, values - plane, 0.0)
    inside = finite & (np.abs(about) <= limit)
    found: dict[str, float | None] = {}
    solved = _solve(values, x, y, inside)
    for k, name in enumerate(("plane_level", "gradient_x", "gradient_y")):
        found[name], found[f"{name}_error"] = (None, None) if solved is None else (solved[0][k], solved[1][k])
    variance = (about[inside] ** 2).mean() if inside.any() else 0.0
    for name, here, there in (
        ("correlation_x", np.s_[:, :-1], np.s_[:, 1:]),
        ("correlation_y", np.s_[:-1], np.s_[1:]),
    ):
        pairs = inside[here] & inside[there]
        products = about[here][pairs] * about[there][pairs]
        found[name] = products.mean() / variance if pairs.any() and variance else None
    return found


def _solve(values: Floats, x: Floats, y: Floats, which: Bools) -> tuple[Floats, Floats] | None:
    """Return level and slopes of the plane through some pixels, and their errors."""
    matrix = np.column_stack([np.ones(which.sum()), x[which], y[which]])
    if len(matrix) < 4 or np.linalg.matrix_rank(matrix) < 3:
        return None
    solution, (left_over, *_), _, _ = np.linalg.lstsq(matrix, values[which])
    covariance = np.linalg.inv(matrix.T @ matrix) * left_over / (len(matrix) - 3)
    return solution, np.sqrt(np.diag(covariance))
