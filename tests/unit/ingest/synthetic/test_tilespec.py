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
        ("n_extra_epochs", -1),
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


def test_extra_epochs_are_of_the_last_band() -> None:
    spec = synthetic.TileSpec(bands=("r", "i"), n_epochs=3, n_extra_epochs=2)
    assert [spec.n_epochs_of(band) for band in spec.bands] == [3, 5]
