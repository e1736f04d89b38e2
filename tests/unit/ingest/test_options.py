"""Facts about the options that change masks."""

from goodpix.ingest.options import Options
from goodpix.schema.inputs.profile import ProfileId
from goodpix.schema.inputs.segmentation import Segmentation

OF_0_1_0 = {"wcs_source": "image", "allow_missing_se_seg": False, "allow_dithered_weights": False}


def test_what_0_1_0_did_not_have_enters_fingerprints_only_where_it_applies() -> None:
    assert Options().fingerprinted == OF_0_1_0
    assert Options(allow_damaged=True, no_segment=True).fingerprinted == OF_0_1_0 | {
        "allow_damaged": True,
        "no_segment": True,
    }
    assert Options(profile=ProfileId("lsst", "2")).fingerprinted == OF_0_1_0 | {"profile": ["lsst", "2"]}
    assert Options(segment=Segmentation("1.4.1")).fingerprinted == OF_0_1_0  # of some epochs alone
    assert Options("scamp").fingerprinted.keys() - OF_0_1_0.keys() == {"scamp_rule"}


def test_segmentation_is_that_of_files_or_none_or_made() -> None:
    assert (Options().segmentation, Options(no_segment=True).segmentation) == ("file", "none")
    parameters = Segmentation("1.4.1", threshold=2)
    assert Options(segment=parameters).segmentation == str(parameters)
