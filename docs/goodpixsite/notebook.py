"""Run as a program: notebooks with what their cells give.

    python -m goodpix.docs.goodpixsite.notebook NOTEBOOK... [--to FOLDER]

Runs the cells of each NOTEBOOK with this interpreter, in a temporary folder that is gone afterwards, and writes the
notebook with their outputs to FOLDER, or over itself, and its path to standard output. Nothing in there tells where,
when or by whom it was run. No kernel has to be installed, and no settings of Jupyter or IPython are read. The cells see
NOTEBOOK_SIZE: with ``small``, the notebooks that answer a question make less data. A cell that fails ends it with
status 1 and the cell's traceback.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nbformat
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

from .kernel import ForkedKernel

__all__ = ["digest", "main"]

_SECONDS_TO_START = 600  # of the kernel; what hangs later ends with the test
_SETTINGS_OF_OTHERS = ("GOODPIX_", "IPYTHON", "JUPYTER", "MEDS_DIR", "MPLBACKEND", "PYTHONWARNINGS")
_FOLDERS = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_PATH", "JUPYTER_RUNTIME_DIR", "TMPDIR")


def main(notebooks: Iterable[Path], results: Path | None) -> int:
    """Run notebooks and write them with their outputs; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="goodpix-notebook-") as folder:
        _settle(Path(folder))
        for path in notebooks:
            read = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has few types
            try:
                _execute(read, Path(tempfile.mkdtemp(dir=folder)))
            except CellExecutionError as error:
                plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # without colours
                print(f"{path.name}: {plain}", file=sys.stderr)
                return 1
            _strip(read)
            nbformat.validate(read)
            result = path if results is None else results / path.name
            nbformat.write(read, result)  # type: ignore[no-untyped-call]  # nbformat has few types
            print(result, flush=True)
    return 0


def digest(cells: Iterable[Mapping[str, Any]]) -> str:
    """Return a digest of the code in the cells of a notebook, by which outputs of other code are told."""
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()[:16]


def _settle(folder: Path) -> None:
    """Keep everything that Jupyter, IPython and the cells read or leave behind within a folder."""
    for name in [name for name in os.environ if name.startswith(_SETTINGS_OF_OTHERS)]:
        del os.environ[name]
    for name in _FOLDERS:
        place = folder / name.lower()
        place.mkdir()
        os.environ[name] = str(place)
    # as kernels set it, but before anything imports matplotlib
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    # else a kernel tells how to reach it; its class reads this as it is imported
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    # the debugger's word on frozen modules is not the notebook's
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    # its command is this interpreter; Jupyter looks for kernels there first
    write_kernel_spec(Path(os.environ["JUPYTER_PATH"]) / "kernels" / "python3")


def _execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run all cells in place."""
    # by files, not by ports of this machine; cells may go to another folder, so the path must not be relative
    sockets = Config({"KernelManager": {"transport": "ipc", "ip": str(folder / "socket")}})
    client = NotebookClient(
        notebook,
        config=sockets,
        kernel_manager_class=ForkedKernel,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        timeout=None,
        startup_timeout=_SECONDS_TO_START,
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute()


def _strip(notebook: nbformat.NotebookNode) -> None:
    """Leave out what tells about the kernel and its versions."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "goodpix": {"outputs_of": digest(notebook.cells)},
    }
    for cell in notebook.cells:
        cell.metadata = {}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--to", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    sys.exit(main(given.notebooks, given.to))
