"""UCDs of columns: what a column is in the words of the Virtual Observatory."""

import re
from collections.abc import Mapping

__all__ = ["UCDS", "ucd_of"]

# Columns by UCD1+ (https://www.ivoa.net/documents/UCD1+).
_COLUMNS = {
    "meta.id;obs.field": "tilename",
    "instr.bandpass": "band",
    "meta.id;obs.exposure": "expnum",
    "meta.id;instr.det": "ccdnum detpos",
    "meta.id.part;instr.det": "amplifier",
    "meta.id;obs.image": "plane",
    "meta.id": "name failure_key run_id",
    "meta.id;meta.dataset": "pfw_attempt_id",
    "meta.id;meta.software": "profile",
    "meta.id;meta.file": "filename image_path path mask_file",
    "meta.checksum": "fingerprint se_fingerprint",
    "meta.version": "generation",
    "meta.unit": "unit bunit",
    "meta.note": "selection problem message",
    "meta.code": "crossra0 segmentation weight_zquantiz bkg_subtracted calibrated",
    "meta.code.error": "error_type",
    "meta.code.qual": "image_flags criteria flags reasons se_bits coadd_bits bit good on_coadd on_image stale wcs_ok "
    "se_seg_used planes_checked damaged_taken tiles_disagree",
    "meta.number": "attempts",
    "meta.number;instr.pixel": "n n_not_finite n_clipped n_pixels_part n_pixels n_good n_on_coadd n_good_se "
    "n_good_coadd n_unique n_good_unique n_good_se_amp_a n_good_se_amp_b n_pixels_amp_a n_pixels_amp_b "
    "n_se_seg n_se_weight n_se_bmask n_off_coadd n_coadd_seg n_coadd_weight n_coadd_bmask "
    "only_se_seg only_se_weight only_se_bmask only_off_coadd only_coadd_seg only_coadd_weight only_coadd_bmask "
    "coadd_n_pixels coadd_n_good coadd_n_seg coadd_n_weight coadd_n_bmask",
    "meta.number;instr.det": "n_ccds",
    "meta.number;obs.field": "n_tiles",
    "meta.number;obs.image": "n_epochs n_epochs_used n_epochs_stale",
    "stat.filling;instr.pixel": "fraction_good fraction_good_on_coadd fraction_good_se coadd_fraction_good",
    "phys.angArea;instr.pixel": "pixel_area",
    "phys.angArea;obs.field": "area_good area_good_unique good_area_images_unique area_good_any_unique",
    "pos.wcs.naxes": "nx ny",
    "pos.wcs.crpix": "position_offset",
    "pos.cartesian.x;instr.pixel": "x x0 x1 coadd_x level_x",
    "pos.cartesian.y;instr.pixel": "y y0 y1 coadd_y level_y",
    "pos.eq.ra;meta.main": "ra ra_cent",
    "pos.eq.dec;meta.main": "dec dec_cent",
    "pos.eq.ra": "s_ra rac1 rac2 rac3 rac4",
    "pos.eq.dec": "s_dec decc1 decc2 decc3 decc4",
    "pos.eq.ra;stat.min": "uramin",
    "pos.eq.ra;stat.max": "uramax",
    "pos.eq.dec;stat.min": "udecmin",
    "pos.eq.dec;stat.max": "udecmax",
    "pos.angDistance": "distance_arcsec",
    "pos.angDistance;instr.pixel": "wcs_delta_pix",
    "pos.angDistance;pos.lunar": "moon_separation",
    "pos.az.alt;pos.lunar": "moon_altitude",
    "stat.filling;pos.lunar": "moon_illumination",
    "pos.az.alt": "sun_altitude",
    "pos.galactic.lat": "galactic_latitude",
    "pos.ecliptic.lat": "ecliptic_latitude",
    "obs.airMass": "airmass",
    "time.duration;obs.exposure": "exptime t_exptime",
    "time.start;obs.exposure": "mjd_obs date_obs t_min",
    "time.epoch": "nite",
    "time.processing": "failed_at",
    "instr.param;instr.det": "dataseca datasecb",
    "instr.obsty.seeing": "fwhm fwhm_arcsec",
    "instr.obsty.seeing;stat.mean": "mean_fwhm mean_fwhm_arcsec",
    "phot.mag;arith.zp": "magzp zero_point",
    "phot.mag.sb": "mu_sky",
    "arith.factor;phot.calib": "scale",
    "instr.skyLevel": "skybrite level plane_level",
    "instr.skyLevel;stat.mean": "mean_skybrite mean clipped_mean",
    "instr.skyLevel;stat.median": "median clipped_median",
    "arith.rate;instr.skyLevel": "skybrite_per_second",
    "arith.rate;instr.skyLevel;stat.mean": "mean_skybrite_per_second",
    "arith.grad;instr.skyLevel": "gradient_x gradient_y",
    "stat.error;instr.skyLevel": "level_error plane_level_error gradient_x_error gradient_y_error",
    "stat.error;instr.skyLevel;stat.mean": "clipped_mean_error",
    "stat.stdev;instr.skyLevel": "skysigma std mad_std clipped_std",
    "stat.stdev;instr.skyLevel;stat.mean": "mean_skysigma",
    "stat.variance;instr.skyLevel": "skyvara skyvarb",
    "stat.percentile;instr.skyLevel": "p01 p05 p16 p25 p75 p84 p95 p99",
    "stat.correlation;instr.skyLevel": "correlation_x correlation_y",
    "instr.det.noise;meta.modelled": "noise_predicted",
    "arith.factor;instr.det.noise": "noise_ratio",
    "meta.record": "src_index",
    # of the view of the ObsCore data model, which says what they are
    "meta.code.class": "dataproduct_type",
    "meta.code;obs.calib": "calib_level",
    "meta.id;meta.dataset;obs": "obs_collection obs_id",
    "meta.ref.ivoid": "obs_publisher_did",
    "meta.ref.url": "access_url",
    "meta.code.mime": "access_format",
    "phys.size;meta.file": "access_estsize",
    "meta.id;src": "target_name",
    "phys.angSize;instr.fov": "s_fov",
    "pos.outline;obs.field": "s_region",
    "pos.angResolution": "s_resolution",
    "meta.number;obs": "s_xel1 s_xel2 t_xel em_xel pol_xel",
    "time.end;obs.exposure": "t_max",
    "time.resolution": "t_resolution",
    "em.wl;stat.min": "em_min",
    "em.wl;stat.max": "em_max",
    "spect.resolution": "em_res_power",
    "meta.ucd": "o_ucd",
    "meta.code;phys.polarization": "pol_states",
    "meta.id;instr.tel": "facility_name",
    "meta.id;instr": "instrument_name",
}

UCDS: Mapping[str, str] = {name: ucd for ucd, names in _COLUMNS.items() for name in names.split()}
"""UCD of each column."""

# Columns of places on the sky, one per band.
_BY_BAND = {
    "n_images": "meta.number;obs.image",
    "n_good": "meta.number;obs.image",
    "level": "instr.skyLevel;stat.mean",
    "noise": "stat.stdev;instr.skyLevel",
}


def ucd_of(column: str) -> str | None:
    """Return the UCD of a column of a listing; None if it has none.

    Examples
    --------
    >>> ucd_of("ra_cent"), ucd_of("n_images_r")
    ('pos.eq.ra;meta.main', 'meta.number;obs.image')
    """
    by_band = re.fullmatch(rf"({'|'.join(_BY_BAND)})_.+", column)
    return UCDS.get(column) or (_BY_BAND[by_band[1]] if by_band else None)
