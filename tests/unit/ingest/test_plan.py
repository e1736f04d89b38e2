"""Facts about the plan of a tile: which masks are made, copied or left."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from goodpix.ingest.infofile import EpochInfo, TileInfo
from goodpix.ingest.plan import (
    Action,
    Known,
    KnownTile,
    Options,
    Step,
    TileTask,
    make_plan,
    plan_unless_made,
    se_fingerprint,
)
from goodpix.schema.bits import DES_Y6
from goodpix.schema.inputs.fingerprint import fingerprint
from goodpix.schema.inputs.recordedfiles import RecordedFile, State, files_column
from goodpix.schema.inputs.segmentation import Segmentation
from goodpix.schema.store.masksroot import MasksRoot

from ...integration.opens import counted_opens

PLANES = ("image", "weight", "bmask", "seg")
FILES = {f"{name}_path": "none.fits" for name in PLANES} | {f"{name}_ext": "sci" for name in PLANES}
EPOCHS = [{"expnum": 1, "ccdnum": 2, **FILES}, {"expnum": 3, "ccdnum": 4, **FILES}]
INFO = TileInfo.model_validate({"tilename": "T", "band": "r", "src_info": EPOCHS, **FILES})


@pytest.fixture
def task(tmp_path: Path) -> TileTask:
    """A tile of which nothing is known; its files are not there, which has a fingerprint, too."""
    return TileTask("info", INFO, MasksRoot.of(tmp_path), Options(), DES_Y6)


def with_known(task: TileTask, *, stale: bool = False, **changed: Any) -> TileTask:
    """Return the task as if its coadd and first epoch had been made, and an epoch that is listed no more."""
    plan = make_plan(task)
    (_, first), _ = plan.epochs
    epochs = {(1, 2): Known(1, first.fingerprint, stale), (9, 9): Known(2, "gone")}
    known = KnownTile(5, "file", Known(0, plan.steps[0].fingerprint), epochs)
    return TileTask("info", INFO, task.root, task.options, DES_Y6, **{"known": known, **changed})


def actions(task: TileTask) -> list[Action]:
    return [step.action for step in make_plan(task).steps]


MAKE, COPY, SKIP = Action.MAKE, Action.COPY, Action.SKIP


def test_what_is_known_and_unchanged_is_copied(task: TileTask) -> None:
    assert actions(task) == [MAKE, MAKE, MAKE]
    assert actions(with_known(task)) == [COPY, COPY, MAKE]
    assert actions(with_known(task, force=True)) == [MAKE, MAKE, MAKE]


def test_epoch_that_is_listed_no_more_is_dropped(task: TileTask) -> None:
    assert make_plan(with_known(task)).dropped == ((9, 9),)


@pytest.mark.parametrize(
    ("options", "expected"), [({}, SKIP), ({"retry_failed": True}, MAKE), ({"force": True}, MAKE)], ids=str
)
def test_what_failed_alike_is_tried_when_asked(task: TileTask, options: dict[str, Any], expected: Action) -> None:
    failed = {"info#1/2": make_plan(task).epochs[0][1].fingerprint, "info#3/4": "of other inputs"}
    assert actions(with_known(task, failed=failed, **options))[1:] == [expected, MAKE]


def test_known_tile_without_a_mask_has_the_others() -> None:
    known = KnownTile(5, "file", Known(0, "a"), {(1, 2): Known(1, "b"), (3, 4): Known(2, "c")})
    assert known.without("coadd") == KnownTile(5, "file", None, known.epochs)
    assert known.without("3/4") == KnownTile(5, "file", known.coadd, {(1, 2): Known(1, "b")})


@pytest.mark.parametrize(
    ("action", "known", "nothing"),
    [
        (MAKE, None, False),
        (COPY, Known(1, "a"), True),
        (COPY, Known(1, "a", stale=True), False),
        (SKIP, Known(1, "a"), False),
        (SKIP, Known(1, "a", stale=True), True),
        (SKIP, None, True),
    ],
)
def test_step_changes_nothing_where_the_row_stays(action: Action, known: Known | None, nothing: bool) -> None:
    assert Step("1/2", "a", known, action).changes_nothing == nothing


@pytest.mark.parametrize(("recorded", "moved"), [(None, False), (4, False), (0, True)])
@pytest.mark.parametrize(("action", "stale"), [(COPY, False), (SKIP, True)])
def test_epoch_with_another_index_in_its_info_file_is_written_again(
    action: Action, stale: bool, recorded: int | None, moved: bool
) -> None:
    step = Step("1/2", "a", Known(1, "a", stale=stale, src_index=recorded), action, src_index=4)
    assert (step.moved, step.changes_nothing) == (moved, not moved)


def test_steps_have_the_index_of_their_epoch_and_the_fingerprint_of_any(task: TileTask) -> None:
    plan = make_plan(task)
    turned = make_plan(replace(task, info=INFO.model_copy(update={"src_info": INFO.src_info[::-1]})))
    assert [step.src_index for step in plan.steps] == [step.src_index for step in turned.steps] == [None, 0, 1]
    assert [step.fingerprint for step in turned.steps[1:]] == [step.fingerprint for step in plan.steps[:0:-1]]


def test_option_that_does_not_matter_to_an_epoch_makes_nothing_again(task: TileTask) -> None:
    known = with_known(task).known
    with_seg = TileTask("info", INFO, task.root, Options(allow_missing_se_seg=True), DES_Y6, known)
    assert actions(with_seg)[1] is COPY
    dithered = TileTask("info", INFO, task.root, Options(allow_dithered_weights=True), DES_Y6, known)
    assert actions(dithered)[1] is MAKE


def test_maps_to_be_made_matter_to_epochs_without_one_alone(task: TileTask) -> None:
    def fingerprints(options: Options) -> list[str]:
        epochs = [EPOCHS[0], EPOCHS[1] | {"seg_path": None}]
        info = TileInfo.model_validate({"tilename": "T", "band": "r", "src_info": epochs, **FILES})
        return [step.fingerprint for step in make_plan(replace(task, info=info, options=options)).steps]

    made = [Options(segment=Segmentation("1.4.1", threshold=threshold)) for threshold in (1.5, 2.0)]
    of_files, first, second = fingerprints(Options()), fingerprints(made[0]), fingerprints(made[1])
    assert of_files[:2] == first[:2] == second[:2]
    assert len({of_files[2], first[2], second[2]}) == 3
    entry = EpochInfo.model_validate(SOME | {"seg_path": None})
    assert len({se_fingerprint(entry, options, NONE) for options in (Options(), *made)}) == 3


def test_damaged_data_that_are_not_allowed_leave_fingerprints_as_they_were(task: TileTask) -> None:
    plan = make_plan(task)
    (entry, step), _ = plan.epochs
    options = {"wcs_source": "image", "allow_missing_se_seg": False, "allow_dithered_weights": False}
    of_0_1_0 = options | {"coadd": plan.steps[0].fingerprint}
    assert step.fingerprint == fingerprint({"none.fits": None}, entry.model_dump(), of_0_1_0)


def test_rule_of_scamp_headers_is_part_of_scamp_fingerprints_alone(task: TileTask) -> None:
    scamp = TileTask("info", INFO, task.root, Options("scamp"), DES_Y6)
    plan = make_plan(scamp)
    assert plan.steps[0].fingerprint == make_plan(task).steps[0].fingerprint
    (entry, step), _ = plan.epochs
    options = {"wcs_source": "scamp", "allow_missing_se_seg": False, "allow_dithered_weights": False}
    of_0_1_0 = options | {"coadd": plan.steps[0].fingerprint}
    assert step.fingerprint != fingerprint({"none.fits": None}, entry.model_dump(), of_0_1_0)
    assert step.fingerprint == fingerprint({"none.fits": None}, entry.model_dump(), of_0_1_0 | {"scamp_rule": 2})


def test_damaged_data_that_are_allowed_make_every_mask_again(task: TileTask) -> None:
    allowed = with_known(task)
    allowed = TileTask("info", INFO, task.root, Options(allow_damaged=True), DES_Y6, allowed.known)
    assert actions(allowed) == [MAKE, MAKE, MAKE]


@pytest.mark.parametrize(("files", "changes"), [("a", False), ("b", True), (None, False)])
def test_mask_to_copy_changes_where_its_files_have_new_times(files: str | None, changes: bool) -> None:
    step = Step("1/2", "a", Known(1, "a", files="a"), COPY, files)
    assert (step.changes_files, step.changes_nothing) == (changes, not changes)


def test_single_epoch_fingerprint_is_the_same_in_all_tiles() -> None:
    entry = EpochInfo.model_validate({"tilename": "T", "band": "r", **EPOCHS[0], "head_path": "T.ohead"})
    other = entry.model_copy(update={"tilename": "U", "head_path": "U.ohead"})
    states = {"none.fits": (1, 2), "T.ohead": (3, 4), "U.ohead": (5, 6)}
    found = se_fingerprint(entry, Options(), {name: states[name] for name in ("none.fits", "T.ohead")})
    assert se_fingerprint(other, Options("scamp"), {name: states[name] for name in ("none.fits", "U.ohead")}) == found


SOME: dict[str, Any] = {"tilename": "T", "band": "r", **EPOCHS[0]}


@pytest.mark.parametrize(
    ("change", "options", "state"),
    [
        ({"bmask_ext": "msk"}, Options(), (1, 2)),
        ({"weight_ext": "msk"}, Options(), (1, 2)),
        ({"seg_path": None}, Options(), (1, 2)),
        ({"ccdnum": 3}, Options(), (1, 2)),
        ({}, Options(allow_dithered_weights=True), (1, 2)),
        ({}, Options(allow_damaged=True), (1, 2)),
        ({}, Options(), (1, 3)),
        ({}, Options(), None),
    ],
    ids=str,
)
def test_single_epoch_fingerprint_is_of_all_that_makes_the_planes(
    change: dict[str, Any], options: Options, state: State
) -> None:
    entry = EpochInfo.model_validate(SOME)
    found = se_fingerprint(entry.model_copy(update=change), options, {"none.fits": state})
    assert found != se_fingerprint(entry, Options(), {"none.fits": (1, 2)})


@pytest.mark.parametrize("change", [{"magzp": 30.5}, {"image_flags": 1}, {"position_offset": 2.0}, {"bkg_path": "a"}])
def test_single_epoch_fingerprint_is_of_nothing_else(change: dict[str, Any]) -> None:
    entry = EpochInfo.model_validate(SOME)
    found = se_fingerprint(entry.model_copy(update=change), Options(), {"none.fits": (1, 2)})
    assert found == se_fingerprint(entry, Options(), {"none.fits": (1, 2)})


NONE: dict[str, State] = {"none.fits": None}


def whole(task: TileTask, **changed: Any) -> TileTask:
    """Return the task as if all its masks had been made."""
    plan = make_plan(task)
    epochs = {(e.expnum, e.ccdnum): Known(n, step.fingerprint) for n, (e, step) in enumerate(plan.epochs, start=1)}
    known = KnownTile(5, "file", Known(0, plan.steps[0].fingerprint), epochs)
    return replace(task, known=known, **changed)


def test_plan_that_makes_nothing_is_known_from_the_states_of_files(task: TileTask) -> None:
    done = whole(task)
    assert plan_unless_made(done, NONE) == make_plan(done)


def test_plan_that_makes_something_is_left_to_the_job(task: TileTask) -> None:
    assert plan_unless_made(with_known(task), NONE) is None
    assert plan_unless_made(whole(task), {"none.fits": (5, 5)}) is None
    assert plan_unless_made(whole(task, force=True), NONE) is None


def test_inputs_that_failed_before_are_known_from_the_states_of_files(task: TileTask) -> None:
    failed = {f"info#{step.name}": step.fingerprint for step in make_plan(task).steps}
    plan = plan_unless_made(replace(task, failed=failed), NONE)
    assert plan is not None
    assert [step.action for step in plan.steps] == [SKIP, SKIP, SKIP]


def test_file_with_another_time_is_left_to_the_job_unread(task: TileTask, tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    path.write_text("a" * 9)
    info = INFO.model_copy(update={f"{name}_path": str(path) for name in PLANES})
    state = path.stat()
    files = files_column({str(path): RecordedFile(state.st_size, state.st_mtime_ns)}, info.files)
    first = make_plan(replace(task, info=info)).steps[0]
    done = whole(replace(task, info=info))
    done = replace(done, known=replace(done.known, coadd=Known(0, first.fingerprint, files=files)))
    now: dict[str, State] = NONE | {str(path): (state.st_size, state.st_mtime_ns)}
    later: dict[str, State] = NONE | {str(path): (state.st_size, state.st_mtime_ns + 1)}
    assert plan_unless_made(done, now) is not None
    with counted_opens([path]) as opened:
        assert plan_unless_made(done, later) is None
    assert not opened
