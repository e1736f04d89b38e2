"""Results as a Markdown table and as JSON, with the machine and the package versions."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path

from .measure import GoalKind, Result

__all__ = ["Machine", "as_json", "as_markdown", "versions"]

_PACKAGES = ("goodpix", "numpy", "numba", "fitsio", "esutil", "astropy", "pyarrow", "sqlalchemy", "pillow", "sep")
_HEADINGS = ("question", "data", "contender", "median", "min - max", "n", "peer", "ratio", "goal", "reached")
_TIMES = ("s", "ms")


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine of the measurements.

    Parameters
    ----------
    system, processor : str
        Operating system, and model of the processor.
    n_cores : int
        Number of cores.
    memory_gb : float
        Total memory, GB.
    load : float
        Load average of the last minute.
    python : str
        Version of Python.
    """

    system: str
    processor: str
    n_cores: int
    memory_gb: float
    load: float
    python: str

    @classmethod
    def here(cls) -> "Machine":
        """Return this machine."""
        n_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return cls(
            system=platform.platform(),
            processor=_processor(),
            n_cores=os.cpu_count() or 1,
            memory_gb=round(n_bytes / 1e9, 1),
            load=round(os.getloadavg()[0], 2),
            python=platform.python_version(),
        )

    def __str__(self) -> str:
        hardware = f"{self.processor}, {self.n_cores} cores, {self.memory_gb:g} GB"
        return f"{hardware}, {self.system}, Python {self.python}, load {self.load:g} at the start"


def versions() -> dict[str, str]:
    """Return the versions of goodpix and its peers, by name."""
    return {name: version(name) for name in _PACKAGES}


def as_markdown(results: Sequence[Result]) -> str:
    """Return results as a Markdown table.

    Ratios are those of the medians; a time shorter than the peer's is given as a speed-up.
    """
    rows = [_HEADINGS, *(_cells(each) for each in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows]
    rule = f"| {' | '.join('-' * width for width in widths)} |"
    return "\n".join([lines[0], rule, *lines[1:]])


def as_json(results: Sequence[Result], machine: Machine) -> str:
    """Return results with every sample, machine and versions as JSON."""
    content = {
        "machine": {each.name: getattr(machine, each.name) for each in fields(machine)},
        "versions": versions(),
        "results": [_record(each) for each in results],
    }
    return json.dumps(content, indent=1) + "\n"


def _cells(result: Result) -> tuple[str, ...]:
    low, high = min(result.samples), max(result.samples)
    return (
        result.question,
        result.data,
        result.contender,
        f"{_number(result.median)} {result.unit}",
        f"{_number(low)} - {_number(high)}",
        str(len(result.samples)),
        result.peer or "",
        _ratio(result),
        "" if result.goal is None else result.goal.text(result.unit),
        _reached(result),
    )


def _number(value: float) -> str:
    """Format a value to three digits, or to an integer from 100 upwards."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def _ratio(result: Result) -> str:
    if result.ratio is None:
        return ""
    faster = result.unit in _TIMES and result.ratio < 1 if result.goal is None else result.goal.kind is GoalKind.FASTER
    return f"{1 / result.ratio:.3g} x faster" if faster else f"{result.ratio:.3g} x"


def _reached(result: Result) -> str:
    if result.reached is None:
        return ""
    if result.stretch_reached:
        return "yes, stretch too"
    return "yes" if result.reached else "**no**"


def _record(result: Result) -> dict[str, object]:
    return {
        "question": result.question,
        "data": result.data,
        "contender": result.contender,
        "unit": result.unit,
        "median": result.median,
        "min": min(result.samples),
        "max": max(result.samples),
        "n": len(result.samples),
        "peer": result.peer,
        "ratio": result.ratio,
        "goal": None if result.goal is None else result.goal.text(result.unit),
        "reached": result.reached,
        "stretch_reached": result.stretch_reached,
        "samples": result.samples,
    }


def _processor() -> str:
    """Return the model of the processor, from Linux or else from Python."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
