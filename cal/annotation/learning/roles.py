"""Why a document is in a queue of active learning, and what its worker does: words that several modules share."""

from __future__ import annotations

ACTIVE = "active"
"""The order of queues that a model fills."""

CHOSEN, EXPLORE, TEST, CHECK, RESERVE = "chosen", "explore", "test", "check", "reserve"
ROLES = {
    CHOSEN: "the strategy chose it, or the seed set while there is no model",
    EXPLORE: "unlike everything labelled, as a new class would be",
    TEST: "drawn at random to measure accuracy; nothing is trained on it, and no suggestion is shown with it",
    CHECK: "labelled before, and perhaps by a slip",
    RESERVE: "next by the model before, for people who are faster than the training",
}

FIRST, TRAINING, WAITING, STOPPED, FAILED = "first", "training", "waiting", "stopped", "failed"
STAGES = {
    FIRST: "choosing documents without a model, because too little is labelled",
    TRAINING: "training a model and scoring all documents",
    WAITING: "waiting for people to decide the batch",
    STOPPED: "no worker is there",
    FAILED: "a training failed, and the message says why; the documents chosen before are still served",
}
