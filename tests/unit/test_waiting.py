"""Time limits are for what hangs."""

import time
from pathlib import Path

import pytest

from .. import waiting
from ..waiting import Allowance, until


def pressure(path: Path, seconds: float) -> Path:
    path.write_text(f"some avg10=1.0 avg60=1.0 avg300=1.0 total={round(seconds * 1e6)}\nfull avg10=0.0 total=0\n")
    return path


def test_time_for_which_processes_wait_for_a_processor_hardly_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(waiting, "_PRESSURE", pressure(tmp_path / "cpu", 7.0))
    allowance = Allowance(60.0)
    now[0] += 50.0
    pressure(tmp_path / "cpu", 27.0)
    assert allowance.left() == pytest.approx(60 - 50 + 20)
    pressure(tmp_path / "cpu", 57.0)
    assert allowance.left() == pytest.approx(60 - 50 + 45), "what hangs on a busy machine ends, too"


def test_every_second_counts_where_the_kernel_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(waiting, "_PRESSURE", tmp_path / "none")
    allowance = Allowance(60.0)
    now[0] += 50.0
    assert allowance.left() == 10.0


def test_what_does_not_come_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "DEADLINE", 0.0)
    with pytest.raises(TimeoutError, match="the end of the world"):
        until(lambda: False, "the end of the world")
