"""A worker and a server that are killed: `python killed_learning.py PROJECT PORT N_KILLS SEED`.

Both run in processes of their own, which are killed at random moments and started again. What they import is there at
once, because they are forked. It ends them after the last kill when its input ends.
"""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable

from cal.annotation import Project
from cal.annotation.learning.options import LearningOptions
from cal.annotation.learning.starting import start_learning
from cal.annotation.learning.worker import Worker
from cal.page import Server


def learn(project: str) -> None:
    with Project.open(project) as opened:
        queue, options, _ = start_learning(opened, LearningOptions())
        with Worker(opened, queue, options) as worker:
            worker.run(threading.Event(), lambda step: None)


def serve(project: str, port: int) -> None:
    Server(project, port=port).run()


def start(run: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run()
            code = 0
        finally:
            os._exit(code)
    return child


def main(project: str, port: int, n_kills: int, seed: int) -> None:
    chance = random.Random(seed)
    programs = [lambda: serve(project, port), lambda: learn(project)]
    LearningOptions().chosen()  # imports what they need
    children = [start(each) for each in programs]
    try:
        for _ in range(n_kills):
            time.sleep(chance.expovariate(1 / 0.3))
            which = chance.randrange(2)
            os.kill(children[which], signal.SIGKILL)
            _, status = os.waitpid(children[which], 0)
            assert os.WIFSIGNALED(status), f"program {which} ended by itself with {status}"
            children[which] = start(programs[which])
        sys.stdout.write("killed\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
