"""The fingerprint of inputs: what says that a mask need not be made again."""

from dataclasses import asdict, dataclass

from ..schema.fingerprint import FINGERPRINTED, fingerprint
from ..schema.planes.reader import file_state
from .infofile import EpochInfo, TileInfo

__all__ = ["Options", "coadd_fingerprint", "epoch_fingerprint"]


@dataclass(frozen=True, slots=True)
class Options:
    """What changes masks besides the inputs.

    Parameters
    ----------
    wcs_source : str
        ``"image"`` or ``"scamp"``: where an epoch's coordinates come from.
    allow_missing_se_seg : bool
        Whether an epoch without a segmentation map is taken, with no pixel in an object.
    allow_dithered_weights : bool
        Whether a weight plane that lost its exact zeros is taken as it is.
    """

    wcs_source: str = "image"
    allow_missing_se_seg: bool = False
    allow_dithered_weights: bool = False


def coadd_fingerprint(info: TileInfo, options: Options) -> str:
    """Return the fingerprint of a coadd: of its files, its info values and the options."""
    paths = [info.image_path, info.weight_path, info.bmask_path, info.seg_path]
    values = info.model_dump(exclude={"src_info"})
    return _digest(paths, values, {"allow_dithered_weights": options.allow_dithered_weights})


def epoch_fingerprint(entry: EpochInfo, options: Options, of_coadd: str) -> str:
    """Return the fingerprint of an epoch; it changes with the coadd's, `of_coadd`."""
    paths = [getattr(entry, f"{name}_path") for name in FINGERPRINTED]
    # an option that does not matter to the epoch is no reason to make it again
    of_options = asdict(options) | {"allow_missing_se_seg": options.allow_missing_se_seg and not entry.seg_path}
    return _digest([path for path in paths if path], entry.model_dump(), of_options | {"coadd": of_coadd})


def _digest(paths: list[str], values: dict[str, object], options: dict[str, object]) -> str:
    return fingerprint({path: file_state(path) for path in paths}, values, options)
