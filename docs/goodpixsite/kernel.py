"""Jupyter kernels in forks of a process that has imported what notebooks import, so that each starts without delay."""

import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from .commands import PRELOADED

__all__ = ["ForkedKernel"]


class ForkedKernel(AsyncKernelManager):
    """Manager of a kernel of this interpreter."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.provisioner = _Provisioner(kernel_id="", kernel_spec=self.kernel_spec, parent=self)


class _Child:
    """A process of `multiprocessing` with the methods of `subprocess.Popen` that a provisioner calls."""

    stdin = stdout = stderr = None

    def __init__(self, process: BaseProcess) -> None:
        self._process = process
        self.pid = process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid or 0, number)

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()


class _Provisioner(LocalProvisioner):
    """Forks a kernel where others start a program."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        context = multiprocessing.get_context("forkserver")
        # not matplotlib's backend: it looks for the kernel as it is imported
        context.set_forkserver_preload([__name__, "ipykernel.kernelapp", "nbclient", *PRELOADED])
        arguments = cmd[cmd.index("-f") :]
        process = context.Process(target=_serve, args=(arguments, kwargs["env"], str(kwargs["cwd"])))
        process.start()
        self.process = _Child(process)  # type: ignore[assignment]  # has the methods that are called
        self.pid = process.pid
        return self.connection_info


def _serve(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Become a kernel."""
    from ipykernel.kernelapp import IPKernelApp  # slow, and there already

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["ipykernel_launcher", *arguments]
    IPKernelApp.launch_instance(arguments)
