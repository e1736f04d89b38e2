"""Benchmarks by name, in the order of the table."""

from collections.abc import Callable, Mapping

from . import (
    fetch,
    ingest_epoch,
    ingest_tile,
    manymasks,
    mapping,
    maps,
    mask_size,
    memory,
    nothing_to_do,
    places,
    planes,
    reuse,
    segmentation,
    selection,
    sky,
    startup,
    workers,
)
from .bench import Bench
from .measure import Result

__all__ = ["QUESTIONS"]

QUESTIONS: Mapping[str, Callable[[Bench], list[Result]]] = {
    "ingest_epoch": ingest_epoch.run,
    "ingest_tile": ingest_tile.run,
    "reuse": reuse.run,
    "planes": planes.run,
    "mapping": mapping.run,
    "workers": workers.run,
    "nothing_to_do": nothing_to_do.run,
    "memory": memory.run,
    "mask_size": mask_size.run,
    "fetch": fetch.run,
    "manymasks": manymasks.run,
    "selection": selection.run,
    "maps": maps.run,
    "places": places.run,
    "sky": sky.run,
    "segmentation": segmentation.run,
    "startup": startup.run,
}
