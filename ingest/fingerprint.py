"""The fingerprint of inputs: what says that a mask need not be made again."""

from dataclasses import asdict, dataclass

from ..schema.fingerprint import FINGERPRINTED, fingerprint
from ..schema.planes.files import file_state
from .infofile import EpochInfo, ImageInfo, TileInfo

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
    return _digest(info, {"allow_dithered_weights": options.allow_dithered_weights})


def epoch_fingerprint(entry: EpochInfo, options: Options, of_coadd: str) -> str:
    """Return the fingerprint of an epoch; it changes with the coadd's, `of_coadd`."""
    # an option that does not matter to the epoch is no reason to make it again
    of_options = asdict(options) | {"allow_missing_se_seg": options.allow_missing_se_seg and not entry.seg_path}
    return _digest(entry, of_options | {"coadd": of_coadd})


def _digest(info: ImageInfo, options: dict[str, object]) -> str:
    paths = [file.path for file in map(info.file, FINGERPRINTED) if file]
    values = info.model_dump(exclude={"src_info"})
    return fingerprint({path: file_state(path) for path in paths}, values, options)
