"""Masks derived again from their images, and what verify says of them."""

import shutil

import goodpix

from .survey import SPEC, Survey, rewrite


def test_images_are_compared_pixel_by_pixel(ingested: Survey) -> None:
    report = goodpix.verify(ingested.database, images=2)
    assert (report.ok, report.n_images) == (True, 2)


def test_image_that_gives_another_mask_is_found(stored: Survey) -> None:
    for band in SPEC.bands:
        for k in range(3):
            rewrite(stored.path(k, "image", band), {"msk": stored.plane(k, "bmask", band) | 16})
    (problem,) = goodpix.verify(stored.database, images=1).problems
    assert problem.what == "image"
    assert "differs from the FITS files" in problem.message


def test_image_that_cannot_be_read_is_a_problem_of_its_own(stored: Survey) -> None:
    shutil.rmtree(stored.folder)
    (problem,) = goodpix.verify(stored.database, images=1).problems
    assert "cannot be compared" in problem.message
