"""The reasons for which pixels are bad, with their colours and toggles."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import param
from panel.custom import JSComponent

from ..palette import GOOD_COLOUR
from ..plots.reasons import REASONS
from .markup import STYLE
from .maskcolours import REASON_NAMES, reason_table
from .openmask import OpenMask
from .wording import fraction

__all__ = ["ReasonLegend", "legend_items"]

_HERE = Path(__file__).parent


class ReasonLegend(JSComponent):  # type: ignore[misc]  # Panel carries no types for it
    """The reasons with their colours; `hidden_names` changes in the browser."""

    items = param.List([])
    hidden_names = param.List([])

    _esm = (_HERE / "legend.js").read_text()
    _stylesheets = [STYLE]  # noqa: RUF012  # Panel wants a list


def legend_items(opened: OpenMask, hidden: Sequence[str], *, over_image: bool) -> list[dict[str, str]]:
    """Return the legend: what is shown of how many pixels."""
    shown = (
        np.bincount(reason_table(hidden), weights=opened.n_by_criteria, minlength=len(REASONS) + 1)
        / opened.criteria.size
    )
    items = [
        {
            "name": "",
            "label": "good" if not hidden else "good, or hidden",
            "colour": GOOD_COLOUR,
            "share": fraction(shown[0]),
        }
    ]
    for number, reason in enumerate(REASONS, 1):
        name = REASON_NAMES[number - 1]
        share = "hidden" if name in hidden else fraction(shown[number])
        colour = reason.over_image if over_image else reason.colour
        items.append({"name": name, "label": reason.label, "colour": colour, "share": share})
    return items
