"""Facts about the specification of a synthetic tile."""

import pytest

import goodpix.ingest.synthetic as synthetic


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tilename", "a/b"),
        ("bands", ()),
        ("bands", ("r", "r")),
        ("n_epochs", 0),
        ("coadd_shape", (10, 600)),
        ("ccd_shape", (4096, 4096)),
        ("ra", 360.0),
        ("dec", 89.0),
        ("seed", -1),
        ("density", 0.0),
    ],
)
def test_impossible_spec_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field.replace("coadd_shape", "shapes")):
        synthetic.TileSpec(**{field: value})  # type: ignore[arg-type]  # wrong on purpose
