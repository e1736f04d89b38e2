"""A database-backed catalogue of good background pixels in the Dark Energy Survey."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if sys.version_info < (3, 11):  # noqa: UP036  # a checkout can be imported by any Python
    _FOUND = f"{sys.version_info[0]}.{sys.version_info[1]}"
    raise ImportError(f"goodpix needs Python 3.11 or newer: this is Python {_FOUND}, {sys.executable}")

if TYPE_CHECKING:
    from .ingest.direct import Comparison, check_mask
    from .ingest.report import IngestReport
    from .ingest.survey import ingest_tiles
    from .ingest.upkeep.doctor import Finding, diagnose
    from .ingest.upkeep.gc import gc
    from .ingest.upkeep.rebuild import rebuild
    from .ingest.upkeep.report import GcReport, Problem, RebuildReport, UpgradeReport, VerifyReport
    from .ingest.upkeep.selections import add_selection, remove_selection
    from .ingest.upkeep.upgrade import upgrade
    from .ingest.upkeep.verify import verify
    from .query.catalogue import Catalogue
    from .query.filters import FilterKeywords, TableKeywords
    from .query.masks.mask import Mask
    from .query.tables.astropytables import astropy_table
    from .query.tables.formats import write_table
    from .schema.bits import BitNames
    from .schema.criteria import Criterion, Selection
    from .schema.errors import GoodpixError
    from .schema.selection.exclusionfile import read_exclusions
    from .schema.selection.named import NamedSelection

    __version__: str

__all__ = [
    "BitNames",
    "Catalogue",
    "Comparison",
    "Criterion",
    "FilterKeywords",
    "Finding",
    "GcReport",
    "GoodpixError",
    "IngestReport",
    "Mask",
    "NamedSelection",
    "Problem",
    "RebuildReport",
    "Selection",
    "TableKeywords",
    "UpgradeReport",
    "VerifyReport",
    "__version__",
    "add_selection",
    "astropy_table",
    "check_mask",
    "diagnose",
    "gc",
    "ingest_tiles",
    "read_exclusions",
    "rebuild",
    "remove_selection",
    "upgrade",
    "verify",
    "write_table",
]

_HOMES = {
    "BitNames": ".schema.bits",
    "Catalogue": ".query.catalogue",
    "Comparison": ".ingest.direct",
    "Criterion": ".schema.criteria",
    "FilterKeywords": ".query.filters",
    "Finding": ".ingest.upkeep.doctor",
    "GcReport": ".ingest.upkeep.report",
    "GoodpixError": ".schema.errors",
    "IngestReport": ".ingest.report",
    "Mask": ".query.masks.mask",
    "NamedSelection": ".schema.selection.named",
    "Problem": ".ingest.upkeep.report",
    "RebuildReport": ".ingest.upkeep.report",
    "Selection": ".schema.criteria",
    "TableKeywords": ".query.filters",
    "UpgradeReport": ".ingest.upkeep.report",
    "VerifyReport": ".ingest.upkeep.report",
    "add_selection": ".ingest.upkeep.selections",
    "astropy_table": ".query.tables.astropytables",
    "check_mask": ".ingest.direct",
    "diagnose": ".ingest.upkeep.doctor",
    "gc": ".ingest.upkeep.gc",
    "ingest_tiles": ".ingest.survey",
    "read_exclusions": ".schema.selection.exclusionfile",
    "rebuild": ".ingest.upkeep.rebuild",
    "remove_selection": ".ingest.upkeep.selections",
    "upgrade": ".ingest.upkeep.upgrade",
    "verify": ".ingest.upkeep.verify",
    "write_table": ".query.tables.formats",
}


def __getattr__(name: str) -> Any:
    # lazy (PEP 562), so that importing goodpix loads neither numba nor SQLAlchemy
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    if name == "__version__":
        from importlib.metadata import version  # slow to import

        return version("goodpix")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
