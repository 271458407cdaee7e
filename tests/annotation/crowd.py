"""Clients that decide at once and are killed: `python crowd.py PROJECT FOLDER N_CLIENTS N_KILLS SEED`.

A client appends to FOLDER/sent what it is going to send, and to FOLDER/acknowledged what the store has taken. Whoever
takes the place of a killed client sends again what was not acknowledged, with the same ids, as a page does that has
lost its connection. After the last kill all clients finish what they are doing.
"""

import json
import os
import random
import signal
import sys
import time
import uuid
from pathlib import Path

from cal.annotation import Project
from cal.annotation.decisions.decision import Decision
from cal.errors import DataError

HOT = [f"hot{i}" for i in range(6)]


class Client:
    """One that takes documents from the queue and decides them, until it is told to stop or killed."""

    def __init__(self, project: str, folder: Path, place: int, number: int) -> None:
        self.project = Project.open(project)
        self.folder, self.place, self.reviewer = folder, place, f"reviewer {number}"
        self.chance = random.Random(number)

    def note(self, what: str, words: dict) -> None:
        """One write, which is whole even if the process is killed after it."""
        with (self.folder / what).open("ab", buffering=0) as file:
            file.write(json.dumps(words | {"place": self.place}).encode() + b"\n")

    def unacknowledged(self) -> list[dict]:
        """What this client's predecessors have sent without hearing that it was taken."""
        notes = [
            [json.loads(line) for line in (self.folder / name).read_bytes().splitlines()]
            for name in ("sent", "acknowledged")
        ]
        taken = {each["key"] for each in notes[1]}
        return [each for each in notes[0] if each["place"] == self.place and each["key"] not in taken]

    def send(self, words: dict) -> None:
        if words["undoes"]:
            self.project.undo(event=words["undoes"], id=words["key"], reviewer=words["reviewer"])
        else:
            decisions = [Decision(**each) for each in words["decisions"]]
            self.project.decide_all(decisions, bulk=words["key"] if len(decisions) > 1 else None)
        self.note("acknowledged", {"key": words["key"]})

    def decide(self, decisions: list[Decision]) -> None:
        listed = [
            {name: getattr(each, name) for name in ("id", "document", "action", "label", "reviewer", "queue")}
            for each in decisions
        ]
        key = listed[0]["id"] if len(listed) == 1 else str(uuid.uuid4())
        words = {"key": key, "decisions": listed, "undoes": None, "reviewer": self.reviewer}
        self.note("sent", words)
        self.send(words)
        if self.chance.random() < 0.1:
            words |= {"undoes": key, "key": str(uuid.uuid4()), "decisions": []}
            self.note("sent", words)
            self.send(words)

    def run(self) -> None:
        for words in self.unacknowledged():
            self.send(words)
        while not (self.folder / "stop").exists():
            if self.chance.random() < 0.3:  # one of a few that all of them decide, whoever has it
                action, label = self.choice()
                some = self.chance.sample(HOT, 2)
                self.decide([Decision(each, action, label=label, reviewer=self.reviewer) for each in some])
                continue
            tasks = self.project.tasks(self.reviewer, 3 if self.chance.random() < 0.2 else 1)
            self.decide([task.decision(*self.choice()) for task in tasks])

    def choice(self) -> tuple[str, str | None]:
        action = self.chance.choice(["keep", "relabel", "ambiguous", "skip"])
        return action, "NUM" if action == "relabel" else None


def start(project: str, folder: Path, place: int, number: int) -> int:
    """A new client, in a process of its own."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            Client(project, folder, place, number).run()
            code = 0
        except DataError as error:
            sys.stderr.write(f"{error}\n")
        finally:
            os._exit(code)
    return child


def main(project: str, folder: Path, n_clients: int, n_kills: int, seed: int) -> None:
    chance = random.Random(seed)
    with Project.open(project) as opened:  # what this process imports and prepares, those that it forks have at once
        opened.decide_all([Decision(HOT[0], "skip", reviewer=task.reviewer) for task in opened.tasks("nobody", 1)])
    for name in ("sent", "acknowledged"):
        (folder / name).touch()
    clients = [start(project, folder, place, place) for place in range(n_clients)]
    for kill in range(n_kills):
        time.sleep(chance.expovariate(1 / 0.05))
        place = chance.randrange(n_clients)
        os.kill(clients[place], signal.SIGKILL)
        _, status = os.waitpid(clients[place], 0)
        assert os.WIFSIGNALED(status), f"a client ended by itself with {status}"
        clients[place] = start(project, folder, place, n_clients + kill)
    wanted = n_kills + 3 * n_clients
    while (folder / "acknowledged").read_bytes().count(b"\n") < wanted:
        time.sleep(0.02)
    (folder / "stop").touch()
    codes = [os.waitpid(child, 0)[1] for child in clients]
    assert codes == [0] * n_clients, codes


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
