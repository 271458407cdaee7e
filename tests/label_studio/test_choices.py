"""The order of the backend is what ActiveLearner asks for, given the same labels."""

import pytest

import cal
from cal.label_studio.changes import Annotation, Change
from cal.label_studio.labelling import labelling_of
from cal.label_studio.state import BackendState
from cal.label_studio.trainer import BackendTrainer

STRATEGIES = ["margin", "badge", "random", "round_change", {"mix": {"entropy": 0.5, "coreset": 0.5}}]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_next_tasks_are_what_active_learner_asks_for(strategy, connect, quick_options, tmp_path):
    given = quick_options(strategy=strategy)
    labelling = labelling_of(connect(None).config)
    state = BackendState(tmp_path)
    trainer = BackendTrainer(state, given, lambda text: None, lambda uid: None)
    state.record("3", Change(connect(None).config, {id: {"text": text} for id, text in connect.texts.items()}))
    learner = cal.ActiveLearner(
        dict(id=[str(id) for id in connect.texts], text=list(connect.texts.values())),
        *(given.strategy, given.learner, ["NUM", "HUM"]),
        **dict(features=given.features, device="cpu", test_share=0.0),
    )
    for size in (6, 4, 4, 4):
        assert trainer.make("3") is not None
        expected = [int(id) for id in learner.ask(size)]
        version, found = state.predictions("3")
        assert list(found)[:size] == expected, version
        learner.tell(list(map(str, expected)), [connect.label(task) for task in expected])
        made = [Annotation(task, task, labelling.result(connect.label(task))) for task in expected]
        state.record("3", Change(annotations=made))
        scores = [each.score for each in found.values()]
        assert scores == sorted(scores)
    state.close()
