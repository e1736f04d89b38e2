"""Facts about compiling kernels."""

import fcntl
import os
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

@kernel
def quadruple(x):
    return double(double(x))
"""

# A cache of one's own, and what a process had to compile.
COMPILING = """
import sys
from module import double, quadruple
print("numba" in sys.modules)
assert quadruple(21) == 84
print([each.__name__ for each in (double, quadruple) if each.dispatcher.stats.cache_misses])
print("scipy.linalg" in sys.modules)
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


@pytest.fixture
def kernel_folder(tmp_path: Path) -> Path:
    """A folder with kernels and no cache of them."""
    (tmp_path / "module.py").write_text(MODULE)
    (tmp_path / "jit.py").write_text(Path(goodpix.schema.jit.__file__).read_text())
    return tmp_path


def start(folder: Path) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-c", COMPILING]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)


def printed(process: "subprocess.Popen[str]") -> list[str]:
    text, _ = process.communicate()
    assert process.returncode == 0
    return text.splitlines()


def test_kernel_in_the_cache_is_loaded_without_what_compiling_takes(kernel_folder: Path) -> None:
    assert printed(start(kernel_folder))[1:] == ["['double', 'quadruple']", "True"]
    assert printed(start(kernel_folder))[1:] == ["[]", "False"]


def test_numba_is_imported_when_a_kernel_is_called(kernel_folder: Path) -> None:
    assert printed(start(kernel_folder))[0] == "False"


def test_processes_that_start_together_compile_each_kernel_once(kernel_folder: Path) -> None:
    with open(kernel_folder / "jit.py") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        together = [start(kernel_folder) for _ in range(3)]
    assert sorted(printed(each)[1] for each in together) == ["['double', 'quadruple']", "[]", "[]"]


def test_kernel_is_compiled_here_if_another_process_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(goodpix.schema.jit, "_PATIENCE", 0.0)

    def triple(x: float) -> float:
        return 3 * x

    with open(goodpix.schema.jit.__file__) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert kernel(triple)(2.0) == 6.0
