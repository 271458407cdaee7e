"""Random clients against a plain model: they serve, decide, skip, undo and are killed, and the laws of serving hold."""

import shutil
from collections import defaultdict

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cal.annotation import Project
from cal.annotation.queues import serving

REVIEWERS = ("ann", "bob", "eve")
LEASE_SECONDS = 100.0
people = st.sampled_from(REVIEWERS)


class Clients(RuleBasedStateMachine):
    """Clients of one queue of eight documents.

    The model is a dictionary of who has decided, skipped and holds each position, and what a reviewer gets is found by
    looking through all positions.
    """

    file = None

    @initialize(seed=st.integers(0, 50), share=st.sampled_from([0.0, 0.5, 1.0]))
    def make(self, seed, share):
        self.time, self.undone = 1_000_000.0, 0
        serving.seconds_now = lambda connection: self.time
        path = shutil.copy(self.file, self.file.with_name("copy.db"))
        self.project = Project.open(path)
        queue = self.project.queue(
            "p_wrong", filter="year>=2016", seed=seed, double_share=share, lease_seconds=LEASE_SECONDS
        )
        assert queue.n_documents == 8
        with self.project.reading() as connection:
            rows = connection.exec_driver_sql("SELECT position, n_reviewers FROM draw ORDER BY position").all()
        self.needed = dict(rows)
        self.decided, self.skipped = defaultdict(set), defaultdict(set)
        self.leases = {}
        self.decisions = defaultdict(list)

    def active(self, position):
        """Who holds a position."""
        return {who for (at, who), until in self.leases.items() if at == position and until > self.time}

    def is_open(self, position):
        return len(self.decided[position]) < self.needed[position]

    def may_have(self, who, position):
        others = (self.active(position) | self.decided[position]) - {who}
        seen = who in self.decided[position] or who in self.skipped[position]
        return self.is_open(position) and not seen and len(others) < self.needed[position]

    def expected(self, who, n):
        held = [at for at in self.needed if who in self.active(at) and self.is_open(at)][:n]
        new = [at for at in self.needed if at not in held and self.may_have(who, at)]
        return sorted([*held, *new[: n - len(held)]])

    @rule(who=people, n=st.integers(1, 3))
    def fetch(self, who, n):
        expected = self.expected(who, n)
        tasks = self.project.tasks(who, n)
        assert [each.position for each in tasks] == expected
        assert all(each.verdicts == () or not each.blind for each in tasks)
        assert [each.blind for each in tasks] == [self.needed[at] == 2 for at in expected]
        for each in tasks:
            self.leases[each.position, who] = each.until.timestamp()
            assert self.time + LEASE_SECONDS / 2 <= each.until.timestamp() <= self.time + LEASE_SECONDS

    @rule(who=people, action=st.sampled_from(["keep", "exclude", "skip", "comment"]))
    def decide(self, who, action):
        tasks = self.project.tasks(who, 1)
        assert [each.position for each in tasks] == self.expected(who, 1)
        for task in tasks:
            self.leases[task.position, who] = task.until.timestamp()
            self.project.decide_all([task.decision(action, comment="hm")])
            if action == "comment":
                continue
            assert who not in self.decided[task.position] | self.skipped[task.position]  # nothing is served twice
            (self.skipped if action == "skip" else self.decided)[task.position].add(who)
            self.decisions[who].append((task.position, action))
            del self.leases[task.position, who]

    @precondition(lambda self: any(self.decisions.values()))
    @rule(data=st.data())
    def undo(self, data):
        who = data.draw(st.sampled_from([who for who, of in self.decisions.items() if of]))
        event = self.project.events().query("reviewer == @who and action in ('keep', 'exclude', 'skip')")
        undone = set(self.project.events()["undoes"].dropna())
        self.project.undo(event=[each for each in event["uuid"] if each not in undone][-1], reviewer=who)
        position, action = self.decisions[who].pop()
        (self.skipped if action == "skip" else self.decided)[position].discard(who)

    @rule(seconds=st.sampled_from([30.0, 101.0]))
    def wait(self, seconds):
        self.time += seconds

    @invariant()
    def nobody_shares_what_is_meant_for_one(self):
        for position, n in getattr(self, "needed", {}).items():
            assert len(self.active(position) | self.decided[position]) <= max(n, len(self.decided[position]))

    def teardown(self):
        if not hasattr(self, "project"):
            return
        self.time += 1000
        self.leases.clear()
        for who in REVIEWERS:  # whoever is willing gets all that is left for them, in the order of the queue
            expected = self.expected(who, 8)
            positions = []
            while (task := self.project.next(who)) is not None:
                positions.append(task.position)
                self.project.decide_all([task.decision("keep")])
                self.decided[task.position].add(who)
            assert positions == expected
        assert self.project.check() == []
        assert len(self.project.reads()) <= 8
        self.project.close()


def test_random_clients_keep_the_laws_of_serving(filled_file, tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "seconds_now", serving.seconds_now)  # put back at the end
    shutil.copy(filled_file, tmp_path)
    Clients.file = tmp_path / filled_file.name
    machine = Clients.TestCase
    machine.settings = settings(max_examples=8, stateful_step_count=15, database=None)
    machine("runTest").runTest()


@pytest.mark.slow
def test_many_random_clients_keep_the_laws_of_serving(filled_file, tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "seconds_now", serving.seconds_now)
    shutil.copy(filled_file, tmp_path)
    Clients.file = tmp_path / filled_file.name
    machine = Clients.TestCase
    machine.settings = settings(max_examples=60, stateful_step_count=40, database=None)
    machine("runTest").runTest()
