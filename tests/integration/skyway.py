"""Sky statistics the plain way: whole planes, numpy and astropy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.stats import mad_std, sigma_clip, sigma_clipped_stats
from scipy.spatial import ConvexHull

__all__ = ["ERRORS", "plain_statistics"]

ERRORS = ("clipped_mean_error", "level_error", "plane_level_error", "gradient_x_error", "gradient_y_error")
"""Columns that depend on medians in boxes, which goodpix takes from histograms."""

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
    found |= {f"p{each:02d}": np.percentile(v, each) for each in (1, 5, 16, 25, 75, 84, 95, 99)}
    known = finite & np.isfinite(weights) & (weights > 0)
    if known.any():
        predicted = np.sqrt((1 / weights[known]).mean())
        found |= {"noise_predicted": predicted, "noise_ratio": mad_std(v) / predicted}
    found |= _of_places(values, finite, used, float(median), 3 * float(std))
    found["clipped_mean_error"] = max(std / np.sqrt(n_clipped), found["level_error"] or 0.0)
    return found


def _of_places(values: Floats, finite: Bools, used: Bools, level: float, limit: float) -> dict[str, float | None]:
    y, x = np.indices(values.shape).astype(float)
    rows = np.flatnonzero(finite.any(axis=1))
    # every so many rows, from the first that was read
    first: Bools = np.zeros(values.shape, np.bool_)
    step = max(1, (rows[-1] + 1 - rows[0]) // _FIRST_ROWS)
    first[rows[0] :: step] = True
    plane = np.full(values.shape, level)
    solved = _solve(values, x, y, finite & first & (np.abs(values - level) <= limit))
    if solved is not None:
        plane = solved[0] + solved[1] * x + solved[2] * y
    about = np.where(finite, values - plane, 0.0)
    inside = finite & (np.abs(about) <= limit)
    found: dict[str, float | None] = dict.fromkeys(("level", "plane_level", "gradient_x", "gradient_y", *ERRORS))
    if inside.any():
        found |= {"level": values[inside].mean(), "level_x": x[inside].mean(), "level_y": y[inside].mean()}
        found |= _of_plane(values, finite, inside, used.mean(), limit)
    variance = (about[inside] ** 2).mean() if inside.any() else 0.0
    for name, here, there in (
        ("correlation_x", np.s_[:, :-1], np.s_[:, 1:]),
        ("correlation_y", np.s_[:-1], np.s_[1:]),
    ):
        pairs = inside[here] & inside[there]
        products = about[here][pairs] * about[there][pairs]
        found[name] = products.mean() / variance if pairs.any() and variance else None
    return found


def _of_plane(values: Floats, finite: Bools, inside: Bools, good: float, limit: float) -> dict[str, float | None]:
    ny, nx = values.shape
    y, x = np.indices(values.shape).astype(float)
    middle = np.array([(nx - 1) / 2 - x[inside].mean(), (ny - 1) / 2 - y[inside].mean()])
    x, y = x - x[inside].mean(), y - y[inside].mean()
    solved = _solve(values, x, y, inside)
    flat = solved is None
    plane = np.array([values[inside].mean(), 0.0, 0.0]) if solved is None else solved
    residual = values - (plane[0] + plane[1] * x + plane[2] * y)
    matrix = np.column_stack([np.ones(inside.sum()), x[inside], y[inside]])[:, : 1 if flat else 3]
    freedom = len(matrix) - matrix.shape[1]
    variance = (residual[inside] ** 2).sum() / freedom if freedom else 0.0
    inverse = np.linalg.inv(matrix.T @ matrix)
    covariances = [inverse * variance]
    if variance > 0:
        of_sums = _of_boxes(residual, finite, x, y, limit, variance)
        covariances += [inverse @ each[: len(inverse), : len(inverse)] @ inverse for each in of_sums]

    def error(*weights: float) -> float:
        w = np.array(weights)[: len(inverse)]
        return float(np.sqrt(max(w @ each @ w for each in covariances)))

    found: dict[str, float | None] = {"level_error": error(1, 0, 0)}
    if flat:
        return found
    found |= {"gradient_x": plane[1], "gradient_y": plane[2]}
    found |= {"gradient_x_error": error(0, 1, 0), "gradient_y_error": error(0, 0, 1)}
    hull = ConvexHull(np.column_stack([x[finite], y[finite]]))
    if good >= 0.05 and (hull.equations @ [*middle, 1] <= 1e-9).all():
        found |= {"plane_level": plane @ [1, *middle], "plane_level_error": error(1, *middle)}
    return found


def _of_boxes(residual: Floats, finite: Bools, x: Floats, y: Floats, limit: float, variance: float) -> list[Floats]:
    """Return the covariances of sums of v, x v and y v over the pixels, from boxes of three sizes."""
    rows, columns = np.flatnonzero(finite.any(axis=1)), np.flatnonzero(finite.any(axis=0))
    height, width = (min(128, -(-int(each[-1] + 1 - each[0]) // 4)) for each in (rows, columns))
    boxes = {}
    for k, y0 in enumerate(range(rows[0], rows[-1] + 1, height)):
        for m, x0 in enumerate(range(columns[0], columns[-1] + 1, width)):
            box = np.s_[y0 : min(y0 + height, rows[-1] + 1), x0 : min(x0 + width, columns[-1] + 1)]
            of_box = finite[box] & (np.abs(residual[box]) <= limit)
            if of_box.any():
                means = (each[box][of_box].mean() for each in (x, y))
                boxes[k, m] = np.array([of_box.sum(), *means, np.median(residual[box][of_box])])
    found = []
    for _ in range(3):
        n, bx, by, median = np.array(list(boxes.values())).T
        full = n >= 0.25 * n.max()
        if full.sum() < 5:
            break
        noise = variance * (1 / n[full]).mean()
        scatter = max((median[full] ** 2).sum() / (full.sum() - 3) - (np.pi / 2 - 1) * noise, noise)
        design = n * np.array([np.ones(n.size), bx, by])
        found.append(scatter * design @ design.T)
        boxes = _merged(boxes)
        if len(boxes) < 16:
            break
    return found


def _merged(boxes: Mapping[tuple[int, int], Floats]) -> dict[tuple[int, int], Floats]:
    sums: dict[tuple[int, int], Floats] = {}
    for (k, m), (n, *means) in boxes.items():
        of_box = np.array([n, *(n * each for each in means)])
        sums[k // 2, m // 2] = sums.get((k // 2, m // 2), np.zeros(4)) + of_box
    return {place: np.array([each[0], *each[1:] / each[0]]) for place, each in sums.items()}


def _solve(values: Floats, x: Floats, y: Floats, which: Bools) -> Floats | None:
    """Return level and slopes of the plane through some pixels."""
    matrix = np.column_stack([np.ones(which.sum()), x[which], y[which]])
    if len(matrix) < 4 or np.linalg.matrix_rank(matrix) < 3:
        return None
    solution: Floats = np.linalg.lstsq(matrix, values[which])[0]
    return solution
