"""Options that change masks."""

from dataclasses import dataclass, fields

from ..schema.inputs.profile import DES_PIZZA_CUTTER, ProfileId
from ..schema.inputs.segmentation import Segmentation
from ..schema.rows import SEG_FROM_FILE, SEG_NONE
from ..schema.wcs.scamphead import SCAMP_RULE_VERSION

__all__ = ["Options"]


@dataclass(frozen=True, slots=True)
class Options:
    """Options that change masks.

    Parameters
    ----------
    wcs_source : str
        Header with an epoch's WCS: ``"image"`` or ``"scamp"``.
    allow_missing_se_seg : bool
        Accept epochs without a segmentation map, as if no pixel were in an object.
    allow_dithered_weights : bool
        Accept weight planes that may have lost their exact zeros.
    allow_damaged : bool
        Accept planes whose data do not agree with their DATASUM.
    profile : ProfileId
        Profile of the files.
    no_segment : bool
        Use no segmentation maps of epochs, and count every epoch in aggregates.
    segment : Segmentation, optional
        Parameters of the segmentation maps that are made of epochs that have none; by default none are made.
    """

    wcs_source: str = "image"
    allow_missing_se_seg: bool = False
    allow_dithered_weights: bool = False
    allow_damaged: bool = False
    profile: ProfileId = DES_PIZZA_CUTTER
    no_segment: bool = False
    segment: Segmentation | None = None

    @property
    def fingerprinted(self) -> dict[str, object]:
        """Options by name, as they enter fingerprints: what 0.1.0 did not have only where it applies.

        Those of maps to be made are left out, since they apply to epochs that have none alone.
        """
        names = [option.name for option in fields(self) if option.name not in ("profile", "segment")]
        options = {name: getattr(self, name) for name in names}
        later = ("allow_damaged", "no_segment")
        options = {name: value for name, value in options.items() if name not in later or value}
        scamp = {"scamp_rule": SCAMP_RULE_VERSION} if self.wcs_source == "scamp" else {}
        return {**options, **self.profile.fingerprinted, **scamp}

    @property
    def segmentation(self) -> str:
        """Source of a catalogue's segmentation maps, or the parameters of those that are made."""
        if self.segment is not None:
            return str(self.segment)
        return SEG_NONE if self.no_segment else SEG_FROM_FILE
