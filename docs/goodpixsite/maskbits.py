"""Mask bits of each profile, in the order of their values, with their meanings."""

from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from goodpix.ingest.profiles.registry import find_profile
from goodpix.schema.bits import BIT_SHIFT

__all__ = ["MEANINGS", "markdown", "setup"]

MEANINGS = {
    ("des-pizza-cutter", "se"): {
        "BPM": "bad pixel of the detector: hot, dead or uncorrectable",
        "SATURATE": "saturated pixel",
        "INTERP": "interpolated: the value was not measured there",
        "BADAMP": "bad amplifier",
        "CRAY": "cosmic ray",
        "STAR": "halo of a bright star",
        "TRAIL": "bleed trail of a saturated star",
        "EDGEBLEED": "bleed along the edge of the CCD",
        "SSXTALK": "crosstalk of a super-saturated source",
        "EDGE": "edge of the CCD",
        "STREAK": "satellite, aeroplane or meteor; incomplete, because DESDM found more of them later, for the coadd",
        "SUSPECT": "doubtful pixel",
        "FIXED": "bad pixel that was corrected: the value was not measured there",
        "NEAREDGE": "close to the edge of the CCD",
        "TAPEBUMP": "tape bump, a defect of the CCD's mount",
    },
    ("des-pizza-cutter", "coadd"): {
        "NO_DATA": "no image of the coadd had a positive weight there; grown by 3 pixels",
    },
    ("noirlab-cp", "se"): {
        "EDGE_2": "edge, second kind; DECam before version 3.5.0 only",
        "BAD": "bad pixel",
        "NO_VALUE": "no value",
        "SATURATED": "saturated pixel",
        "BLEED": "bleed trail; may hold circles about stars",
        "COSMIC_RAY": "cosmic ray; mixed with streaks on DECam before version 4.8",
        "LOW_WEIGHT": "low weight",
        "DIFFERENCE": "found in the difference of exposures; unreliable: can cover half a CCD on 90prime",
        "STREAK": "streak; unreliable",
        **{f"CODE_{code}": f"code {code}, which is not documented" for code in range(9, 20)},
        "INTERPOLATED": "interpolated; DECam before version 3.5.0 only",
        "EDGE_BLEED": "bleed along the edge; DECam before version 3.5.0 only",
        "EDGE": "edge; DECam before version 3.5.0 only",
    },
    ("lsst", "se"): {
        "BAD": "bad pixel of the detector",
        "SAT": "saturated pixel",
        "INTRP": "interpolated: the value was not measured there",
        "CR": "cosmic ray",
        "EDGE": "detection did not run there, so that an object would not be known",
        "SUSPECT": "nearly saturated, or doubtful",
        "NO_DATA": "no data",
        "VIGNETTED": "vignetted",
        "CROSSTALK": "crosstalk",
        "ITL_DIP": "dip of a column beside a bright star, on ITL sensors",
        "SPIKE": "diffraction spike",
        "STREAK": "streak of a satellite",
        "UNMASKEDNAN": "not a number, and in no other mask plane",
        "DETECTED_NEGATIVE": "detected below the background",
        "NOT_DEBLENDED": "object that was not deblended; no defect of the pixel",
        "INJECTED": "injected source; no defect of the pixel",
        "INJECTED_CORE": "core of an injected source; no defect of the pixel",
        "INJECTED_TEMPLATE": "source injected into the template; no defect of the pixel",
        "INJECTED_CORE_TEMPLATE": "core of a source injected into the template; no defect of the pixel",
    },
}
"""Meaning of each bit, by profile and plane."""

_PLANES = {"se": "single-epoch mask", "coadd": "mask of the coadd"}


def markdown() -> str:
    """Return a section for each profile.

    Raises
    ------
    ValueError
        If a bit has no meaning here, or a meaning no bit.
    """
    return "\n".join(line for profile, plane in MEANINGS for line in _section(profile, plane))


def _section(profile: str, plane: str) -> Iterator[str]:
    names, meanings = dict(find_profile(profile).bit_names.of_plane(plane)), MEANINGS[profile, plane]
    if names.keys() != meanings.keys():
        raise ValueError(f"{profile}: {sorted(names.keys() ^ meanings.keys())} stand on one side alone")
    yield from (f"## `{profile}`: {_PLANES[plane]}", "")
    searched = [f"! {words}" for name, value in names.items() for words in (f"{value}", f"bit {value}", name)]
    yield from (f"```{{index}} {', '.join(searched)}", "```", "")
    yield from ("| bit | value | name | in flags | meaning |", "| ---: | ---: | --- | --- | --- |")
    for name, value in sorted(names.items(), key=lambda each: each[1]):
        number = value.bit_length() - 1
        yield f"| {number} | {value} | `{name}` | `1 << {number + BIT_SHIFT[plane]}` | {meanings[name]} |"
    yield from (f"| 23 and up | | `OTHER` | `1 << {23 + BIT_SHIFT[plane]}` | any bit of the image from 23 up |", "")


class MaskBits(SphinxDirective):
    """The directive ``{mask-bits}``, without content."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return list(self.parse_text_to_nodes(markdown(), allow_section_headings=True))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("mask-bits", MaskBits)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
