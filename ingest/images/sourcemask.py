"""Source masks: masks from which the planes of a CCD image are recovered, instead of from its files."""

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ...schema.errors import MaskFileError, StoreError
from ...schema.inputs.recordedfiles import State, recorded_files
from ...schema.maskfile import MaskFile
from ...schema.masks.rle import Runs
from ...schema.planes.reader import PlaneReader
from ...schema.rows import SEG_NONE, EpochFacts, MaskRow
from ...schema.store.masksroot import MasksRoot
from ...schema.wcs.scamphead import IMAGE_NAMES
from ..exposurefacts import ExposureFacts
from ..infofile import EpochInfo
from ..inputs import InputFiles, compare_files, record_files, supposed_states
from ..plan import Options, SourceMask, se_fingerprint
from .ccdimage import CcdImage

__all__ = ["SourceFiles", "SourceMasks"]

logger = logging.getLogger(__name__)


class SourceFiles:
    """Mask files of source masks, each opened once by each thread; pickled as their root.

    Parameters
    ----------
    root : MasksRoot
        Masks root.
    opened : mapping of str to MaskFile or None
        Mask files that this thread has opened, by name relative to the root; None for one that cannot be read.
    """

    def __init__(self, root: MasksRoot, opened: Mapping[str, MaskFile | None] | None = None) -> None:
        self._root = root
        # an open Parquet file is for one thread
        self._of_thread = threading.local()
        self._of_thread.opened = dict(opened or {})

    def __reduce__(self) -> tuple[Any, ...]:
        return SourceFiles, (self._root,)

    def open(self, name: str) -> MaskFile | None:
        """Return a mask file by its name relative to the root; None if it is missing or cannot be read."""
        opened: dict[str, MaskFile | None] = vars(self._of_thread).setdefault("opened", {})
        if name not in opened:
            try:
                opened[name] = MaskFile.open(self._root.path(name))
            except (MaskFileError, StoreError) as error:
                logger.warning("reading the files of its CCD images again: %s", error)
                opened[name] = None
        return opened[name]


@dataclass(frozen=True, slots=True, eq=False)
class SourceMasks:
    """Masks of one CCD image, in the order in which they are tried.

    Parameters
    ----------
    files : SourceFiles
        Their files.
    places : tuple of SourceMask
        Where they lie.
    """

    files: SourceFiles
    places: tuple[SourceMask, ...]

    def ccd_image(
        self, reader: PlaneReader, entry: EpochInfo, options: Options, states: Mapping[str, State]
    ) -> CcdImage | None:
        """Return the CCD image as a mask of the same inputs retains it; None if there is no such mask.

        Parameters
        ----------
        reader : PlaneReader
            Reader for the image header, which is opened only if the WCS source is SCAMP.
        entry : EpochInfo
            The info file's entry.
        options : Options
            Options that affect masks.
        states : mapping of str to State
            States of the epoch's files, by path.

        Raises
        ------
        GoodpixError
            If the image header cannot be read.
        """
        for place in self.places:
            file = self.files.open(place.mask_file)
            if file is None:
                continue
            try:
                row = file.row(place.row_group)
                inputs = _same_inputs(row, entry, options, states)
                if inputs is None:
                    continue
                runs = file.runs(place.row_group, row.key)
            except (MaskFileError, StoreError) as error:
                logger.warning("epoch %s: reading its files again: %s", entry.name, error)
                continue
            return _retained(row, runs, inputs, _header(row, reader, entry, options))
        return None


def _same_inputs(row: MaskRow, entry: EpochInfo, options: Options, states: Mapping[str, State]) -> InputFiles | None:
    """Return the input files of an epoch if a mask was made from the same planes with the same options, else None."""
    facts = row.facts
    same_image = (row.key.band, row.key.expnum, row.key.ccdnum) == (entry.band, entry.expnum, entry.ccdnum)
    if not same_image or not isinstance(facts, EpochFacts) or facts.stale or facts.files is None:
        return None
    of_planes = {path: state for path, state in states.items() if path != entry.head_path}
    recorded = {path: file for path, file in recorded_files(facts.files, entry.files).items() if path in of_planes}
    if se_fingerprint(entry, options, supposed_states(recorded, of_planes)) != facts.se_fingerprint:
        return None
    now = compare_files(entry, recorded, of_planes)
    if now is None:
        return None
    head = record_files({path: state for path, state in states.items() if path not in of_planes}, {})
    return InputFiles(
        {path: replace(file, fingerprint_mtime_ns=None) for path, file in now.items()} | dict(head.files),
        checked=bool(facts.planes_checked),
        damaged=bool(facts.damaged_taken),
    )


def _header(row: MaskRow, reader: PlaneReader, entry: EpochInfo, options: Options) -> Mapping[str, Any]:
    """Return the image header, or what a mask retains of it if that is the WCS source."""
    if options.wcs_source == "image":
        return _RetainedHeader(json.loads(row.facts.wcs), entry)
    return reader.plane(entry.image_path, entry.image_ext).header


class _RetainedHeader(Mapping[str, Any]):
    """WCS keywords of an image header, which is read where a SCAMP header is chosen by the image's names."""

    def __init__(self, keywords: dict[str, Any], entry: EpochInfo) -> None:
        self._keywords, self._entry = keywords, entry

    def __getitem__(self, key: str) -> Any:
        if key in IMAGE_NAMES:
            with PlaneReader() as reader:
                return reader.plane(self._entry.image_path, self._entry.image_ext).header[key]
        return self._keywords[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keywords)

    def __len__(self) -> int:
        return len(self._keywords)


def _retained(row: MaskRow, runs: Runs, inputs: InputFiles, header: Mapping[str, Any]) -> CcdImage:
    facts = row.facts
    return CcdImage(
        header,
        (runs.ny, runs.nx),
        ExposureFacts(**{each.name: getattr(facts, each.name) for each in fields(ExposureFacts)}),
        facts.weight_zquantiz,
        facts.segmentation or SEG_NONE,
        inputs,
        runs,
    )
