"""Run as a program: a notebook with what its cells give.

    python notebook.py NOTEBOOK [RESULT]

Runs the cells of NOTEBOOK with this interpreter, in a temporary folder that is gone afterwards, and writes
the notebook with their outputs to RESULT, or over itself. Nothing in there tells where, when or by whom it was
run. No kernel has to be installed, and no settings of Jupyter or IPython are read. The cells see NOTEBOOK_SIZE: with
``small``, the notebooks that answer a question make less data. A cell that fails ends it with status 1 and the
cell's traceback.
"""

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

__all__ = ["digest", "main"]

_SECONDS_TO_START = 600  # of the kernel; what hangs later ends with the test
_SETTINGS_OF_OTHERS = ("GOODPIX_", "IPYTHON", "JUPYTER", "MEDS_DIR", "MPLBACKEND", "PYTHONWARNINGS")
_FOLDERS = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_PATH", "JUPYTER_RUNTIME_DIR", "TMPDIR")


def main(notebook: Path, result: Path) -> int:
    """Run a notebook and write it with its outputs; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="goodpix-notebook-") as folder:
        _settle(Path(folder))
        read = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has few types
        try:
            _execute(read, Path(folder))
        except CellExecutionError as error:
            print(re.sub(r"\x1b\[[0-9;]*m", "", str(error)), file=sys.stderr)  # noqa: T201  # without colours
            return 1
    _strip(read)
    nbformat.validate(read)
    nbformat.write(read, result)  # type: ignore[no-untyped-call]  # nbformat has few types
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
    # the debugger's word on frozen modules is not the notebook's
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"


def _execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run all cells in place."""
    # its command is this interpreter; Jupyter looks for kernels there first
    write_kernel_spec(Path(os.environ["JUPYTER_PATH"]) / "kernels" / "python3")
    # by files, not by ports of this machine; cells may go to another folder, so the path must not be relative
    sockets = Config({"KernelManager": {"transport": "ipc", "ip": str(folder / "socket")}})
    client = NotebookClient(
        notebook,
        config=sockets,
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
    source = Path(sys.argv[1])
    sys.exit(main(source, Path(sys.argv[2]) if len(sys.argv) > 2 else source))
