"""What servers and streams leave behind: nothing."""

import gc
import socket
import threading
import time
from pathlib import Path

from cal.page import Server


def held():
    """Threads and file descriptors of this process."""
    gc.collect()
    return threading.active_count(), len([*Path("/proc/self/fd").iterdir()])


def settled(most, seconds=20):
    """What is held once it is no more than this, or time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = held()
        if found[0] <= most[0] and found[1] <= most[1]:
            return found
        time.sleep(0.1)
    return held()


def test_servers_that_were_closed_leave_nothing(small):
    with Server(small.address, port=0).start():
        pass
    before = held()
    for _ in range(10):
        with Server(small.address, port=0).start() as server:
            with socket.create_connection(("127.0.0.1", server.port)) as asked:
                asked.sendall(b"GET /api/about HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                assert asked.recv(100).startswith(b"HTTP/1.1 200")
    after = settled((before[0] + 1, before[1] + 3))
    assert after[0] <= before[0] + 1
    assert after[1] <= before[1] + 3


def test_pages_that_were_closed_leave_nothing(server, ann):
    request = b"GET /api/changes HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert ann.get("/api/about").status == 200
    before = held()
    for _ in range(10):
        streams = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
        for each in streams:
            each.sendall(request)
        for each in streams:
            assert each.recv(100).startswith(b"HTTP/1.1 200")
            each.close()
    n_workers = 40  # threads that the server keeps
    after = settled((before[0] + n_workers, before[1] + n_workers))
    assert after[0] <= before[0] + n_workers
    assert after[1] <= before[1] + n_workers
    assert ann.decide("q1").status == 200
