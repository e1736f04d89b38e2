"""Public names of criteria and selections."""

from .bits import Criterion
from .selection.definition import AnySelection, BoundSelection, Growth, Selection
from .selection.exclusion import Exclusion
from .selection.words import SelectionWords

__all__ = ["AnySelection", "BoundSelection", "Criterion", "Exclusion", "Growth", "Selection", "SelectionWords"]
