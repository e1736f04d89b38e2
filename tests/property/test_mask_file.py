"""Laws of mask files."""

import tempfile
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from goodpix.schema.maskfile import MaskFile
from goodpix.schema.masks.rle import Runs
from goodpix.schema.store.masksroot import MasksRoot

from ..rows import coadd_row, epoch_row, write_masks
from .strategies import masks

nullable_floats = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=15)
@given(st.lists(masks, min_size=1, max_size=3), st.data())
def test_reading_undoes_writing(several: list[Runs], data: st.DataObject) -> None:
    written = [(coadd_row(several[0]), several[0])]
    for k, runs in enumerate(several[1:]):
        facts: dict[str, Any] = {"airmass": data.draw(nullable_floats), "detpos": data.draw(st.none() | st.text())}
        facts |= {"se_seg_used": data.draw(st.booleans()), "image_flags": data.draw(st.integers(-(2**63), 2**63 - 1))}
        unique = data.draw(st.none() | st.just((5, 3)))
        written.append((epoch_row(runs, ccdnum=k + 1, unique=unique, **facts), runs))
    with tempfile.TemporaryDirectory() as folder:
        root = MasksRoot.of(folder)
        file = MaskFile.open(root.path(write_masks(root, written)))
        assert list(file.rows()) == [row for row, _ in written]
        for k, (_, runs) in enumerate(written):
            found = file.runs(k)
            assert (found.nx, found.ny, found.checksum) == (runs.nx, runs.ny, runs.checksum)
            assert (found.lengths.tolist(), found.flags.tolist()) == (runs.lengths.tolist(), runs.flags.tolist())
