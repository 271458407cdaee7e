"""The slow and obvious way: every metric by a loop over plain Python numbers."""

import math
import statistics

import pytest


def epoch_of(row, label):
    largest = max(row)
    log_sum = largest + math.log(sum(math.exp(value - largest) for value in row))
    probs = [math.exp(value - log_sum) for value in row]
    return {
        "gold_prob": probs[label],
        "loss": log_sum - row[label],
        "margin": row[label] - max(value for k, value in enumerate(row) if k != label),
        "el2n": math.sqrt(sum((p - (k == label)) ** 2 for k, p in enumerate(probs))),
        "predicted": row.index(largest),
    }


def metrics_by_loop(rows, label):
    """Every metric of one instance from its logits of each epoch."""
    epochs = [epoch_of(row, label) for row in rows]
    correct = [epoch["predicted"] == label for epoch in epochs]
    probs = [epoch["gold_prob"] for epoch in epochs]
    confidence = statistics.fmean(probs)
    forgetting, first_learnt, last_learnt, before = 0, -1, -1, False
    for e, now in enumerate(correct):
        if before and not now:
            forgetting += 1
        if now and not before:
            last_learnt = e
            if first_learnt < 0:
                first_learnt = e
        before = now
    return {
        "confidence": confidence,
        "variability": math.sqrt(sum((p - confidence) ** 2 for p in probs) / len(probs)),
        "correctness": sum(correct) / len(correct),
        "forgetting": forgetting,
        "threshold_closeness": confidence * (1 - confidence),
        "aum": statistics.fmean(epoch["margin"] for epoch in epochs),
        "el2n": statistics.fmean(epoch["el2n"] for epoch in epochs),
        "loss": statistics.fmean(epoch["loss"] for epoch in epochs),
        "aleatoric": sum(p * (1 - p) for p in probs) / len(probs),
        "first_learnt": first_learnt,
        "last_learnt": last_learnt,
        "predicted": epochs[-1]["predicted"],
    }


@pytest.fixture(scope="session")
def assert_map():
    """assert_map(data_map, logits, gold): each metric of each instance equals the loop to 1e-6, runs one by one."""

    def compare(data_map, logits, gold):
        n_epochs, n, n_classes = logits.shape[-3:]
        flat = logits.double().reshape(-1, n_epochs, n, n_classes).cpu(), gold.reshape(-1, n).cpu()
        for run, (run_logits, labels) in enumerate(zip(*flat, strict=True)):
            for i in range(n):
                expected = metrics_by_loop(run_logits[:, i].tolist(), labels[i].item())
                given = {name: getattr(data_map, name).reshape(-1, n)[run, i].item() for name in expected}
                assert given == pytest.approx(expected, rel=1e-6, abs=1e-6), (run, i)

    return compare
