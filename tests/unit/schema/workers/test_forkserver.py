"""Facts about the server that forks workers."""

import os
import pickle

from goodpix.schema.workers.forkserver import ForkServer


def test_workers_are_forked_by_one_server_and_end_by_themselves() -> None:
    server = ForkServer()
    connections = [server.new_worker() for _ in range(2)]
    answers = []
    for connection in connections:
        connection.send_bytes(pickle.dumps(os.getppid))
        answers.append(pickle.loads(connection.recv_bytes()))
        connection.close()
    server.close()
    assert answers[0] == answers[1]
    assert answers[0][0] != os.getpid()


def test_no_descriptor_stays_open() -> None:
    before = set(os.listdir("/proc/self/fd"))
    server = ForkServer()
    server.new_worker().close()
    server.close()
    assert set(os.listdir("/proc/self/fd")) <= before
