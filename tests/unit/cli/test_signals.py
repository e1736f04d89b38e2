"""Facts about a command that is stopped, wherever the signal finds it."""

import signal
import subprocess
import sys

import pytest

# A program that sends the signal to itself: it comes at the moment in question and at no other. It may have been
# started to ignore Ctrl-C, with the tests, by a shell that runs them in the background.
PROGRAM = """
import ctypes, gc, os, signal, threading, weakref
from contextlib import suppress
from goodpix.cli import signals
from goodpix.schema.errors import interruption

signal.signal(signal.SIGINT, signal.default_int_handler)

def told():
    os.kill(os.getpid(), {number})

class Dying:
    def __del__(self):
        told()

def in_a_destructor():
    Dying()
    threading.Event().wait()

def in_a_callback_of_a_weak_reference():
    thing = threading.Event()
    reference = weakref.ref(thing, lambda _: told())
    del thing
    threading.Event().wait()

def in_a_callback_of_the_collector():
    gc.callbacks.append(lambda phase, _: told() if phase == "stop" else None)
    gc.collect()
    gc.callbacks.clear()
    threading.Event().wait()

def where_everything_is_caught():
    try:
        told()
    except:
        pass
    threading.Event().wait()

def where_another_error_follows():
    try:
        try:
            told()
        finally:
            raise OSError("this as well")
    except OSError:
        pass
    threading.Event().wait()

class Stubborn:
    def __del__(self):
        while True:
            try:
                Dying()
                threading.Event().wait()
            except:
                pass

def where_everything_is_caught_for_ever():
    while True:
        Stubborn()

def in_foreign_code():
    kill = f"kill -{number} {{os.getpid()}}; exec sleep 30 >&- 2>&-"
    ctypes.CDLL(None).system(kill.encode())

def while_nobody_reads_what_is_said():
    _, end = os.pipe()
    os.set_blocking(end, False)
    with suppress(BlockingIOError):
        while True:
            os.write(end, bytes(1024))
    os.set_blocking(end, True)
    os.dup2(end, 2)
    told()

def again_and_again():
    try:
        told()
    finally:
        for _ in range(100):
            told()
        print("stored")

def at_the_end():
    Dying()
    print("done")

def in_a_callback_of_foreign_code_that_then_fails():
    ctypes.CFUNCTYPE(None)(told)()
    try:
        raise RuntimeError("no compiled object")
    except Exception as error:
        stop = interruption(error)
        raise stop if stop is not None else error

signals._TIMEOUT, signals._DEAF, signals._AGAIN = {patience}, {deaf}, {again}
with signals.stoppable("stopped: so it is"):
    {case}()
"""


def stopped(
    case: str, number: int, patience: float = 50.0, deaf: float = 50.0, again: float = 0.1
) -> subprocess.CompletedProcess[str]:
    """Run the program; one that does not stop ends the test by an error."""
    program = PROGRAM.format(number=int(number), case=case, patience=patience, deaf=deaf, again=again)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("case", "number"),
    [
        ("in_a_destructor", signal.SIGTERM),
        ("in_a_destructor", signal.SIGINT),
        ("in_a_callback_of_a_weak_reference", signal.SIGTERM),
        ("in_a_callback_of_the_collector", signal.SIGINT),
        ("where_everything_is_caught", signal.SIGTERM),
        ("where_another_error_follows", signal.SIGTERM),
    ],
)
def test_a_signal_that_is_swallowed_comes_again(case: str, number: int) -> None:
    done = stopped(case, number)
    assert (done.returncode, done.stderr) == (128 + number, "stopped: so it is\n")


@pytest.mark.parametrize(
    ("case", "deadline"), [("where_everything_is_caught_for_ever", "patience"), ("in_foreign_code", "deaf")]
)
def test_what_does_not_stop_is_ended(case: str, deadline: str) -> None:
    done = stopped(case, signal.SIGTERM, **{deadline: 0.5})
    assert (done.returncode, done.stderr) == (143, "stopped: so it is; unfinished work was killed\n")


def test_what_waits_for_its_reader_is_ended() -> None:
    assert stopped("while_nobody_reads_what_is_said", signal.SIGINT, patience=0.5).returncode == 130


def test_more_signals_disturb_nothing() -> None:
    done = stopped("again_and_again", signal.SIGTERM)
    assert (done.returncode, done.stdout, done.stderr) == (143, "stored\n", "stopped: so it is\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_every_command_stops(number: int) -> None:
    program = (
        "import os, sys, threading\n"
        "from goodpix.cli import app, main\n"
        "@app.command()\n"
        "def wait() -> None:\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    threading.Event().wait(60)\n"
        "sys.argv = ['goodpix', 'wait']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "stopped\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_error_that_hides_a_swallowed_signal_is_taken_for_it(number: int) -> None:
    done = stopped("in_a_callback_of_foreign_code_that_then_fails", number, again=50.0)
    assert (done.returncode, done.stderr) == (128 + number, "stopped: so it is\n")


def test_a_signal_that_is_swallowed_as_the_work_ends_does_no_harm() -> None:
    done = stopped("at_the_end", signal.SIGTERM, again=50.0)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
