"""A database-backed catalogue of good background pixels in the Dark Energy Survey."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ingest.direct import Comparison, check_mask
    from .ingest.report import IngestReport
    from .ingest.survey import ingest_tiles
    from .query.catalogue import Catalogue
    from .query.mask import Mask
    from .schema.bits import BitNames
    from .schema.criteria import Criterion, Selection
    from .schema.database import upgrade
    from .schema.errors import GoodpixError

__all__ = [
    "BitNames",
    "Catalogue",
    "Comparison",
    "Criterion",
    "GoodpixError",
    "IngestReport",
    "Mask",
    "Selection",
    "check_mask",
    "ingest_tiles",
    "upgrade",
]

_HOMES = {
    "BitNames": ".schema.bits",
    "Catalogue": ".query.catalogue",
    "Comparison": ".ingest.direct",
    "Criterion": ".schema.criteria",
    "GoodpixError": ".schema.errors",
    "IngestReport": ".ingest.report",
    "Mask": ".query.mask",
    "Selection": ".schema.criteria",
    "check_mask": ".ingest.direct",
    "ingest_tiles": ".ingest.survey",
    "upgrade": ".schema.database",
}


def __getattr__(name: str) -> Any:
    # lazy (PEP 562): import goodpix loads no numba and no SQL
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
