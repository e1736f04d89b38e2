"""What is far from the others."""

import numpy as np
import numpy.typing as npt

__all__ = ["outliers"]

_SIGMAS, _LEAST = 5.0, 0.01
_TO_SIGMA = 1.4826


def outliers(value: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which of some numbers are far from the others.

    Parameters
    ----------
    value : ndarray of float64, shape (n,)
        The numbers; NaN is none.

    Returns
    -------
    ndarray of bool, shape (n,)
        Where one differs from the median by more than five standard deviations, as 1.4826 times the median deviation
        gives them, and by more than a hundredth of the median; never where there is none.
    """
    known = value[np.isfinite(value)]
    if known.size == 0:
        return np.zeros(value.shape, np.bool_)
    median = float(np.median(known))
    sigma = _TO_SIGMA * float(np.median(np.abs(known - median)))
    far: npt.NDArray[np.bool_] = np.abs(value - median) > max(_SIGMAS * sigma, _LEAST * abs(median))
    return far
