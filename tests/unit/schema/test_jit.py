"""Facts about compiling kernels."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import goodpix.schema.jit
from goodpix.schema.jit import kernel


def divide(a: float, b: float) -> float:
    return a / b


def test_kernel_does_what_its_function_does() -> None:
    assert kernel(divide)(6.0, 4.0) == divide(6.0, 4.0)


def test_division_by_zero_follows_ieee_754() -> None:
    assert kernel(divide)(1.0, 0.0) == np.inf


def test_kernel_keeps_its_docstring() -> None:
    def documented(values: npt.NDArray[np.float64]) -> float:
        """Say what it is for."""
        return float(values[0])

    assert kernel(documented).__doc__ == "Say what it is for."


# Where numba may write nothing it has no place for its cache: it looks beside the module, then in the user's
# cache folder. The last is looked up at import, so what it finds decides.
NOWHERE = """
import os, sys, importlib.util
os.environ.pop("NUMBA_CACHE_DIR", None)
os.environ["HOME"] = "/nonexistent"
os.environ["XDG_CACHE_HOME"] = "/nonexistent"
sys.dont_write_bytecode = True
import numpy, numba, numba.core.caching
numba.njit(lambda x: x)(1)  # loads what compiling takes, while it may still be read
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
found = []
for path in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("module" + str(len(found)), path)
    found.append(importlib.util.module_from_spec(spec))
    spec.loader.exec_module(found[-1])
    sys.modules["jit"] = found[-1]
print(found[-1].double(21))
"""
MODULE = """
from jit import kernel

@kernel
def double(x):
    return 2 * x
"""


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    """A folder with a kernel's module, which everyone may look into; pytest's own are their owner's alone."""
    with tempfile.TemporaryDirectory(prefix="goodpix-") as name:
        folder = Path(name)
        (folder / "module.py").write_text(MODULE)
        (folder / "jit.py").write_text(Path(goodpix.schema.jit.__file__).read_text())
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def test_kernel_compiles_where_nothing_can_be_cached(read_only_folder: Path) -> None:
    paths = [str(read_only_folder / name) for name in ("jit.py", "module.py")]
    done = subprocess.run([sys.executable, "-c", NOWHERE, *paths], cwd="/", capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "42", done.stderr
    assert not (read_only_folder / "__pycache__").exists()
