"""Names of the detectors of wrong labels, with a line about each, without heavy imports."""

_UNSEEN = "by models that never saw the document"

SUMMARIES = {
    "consensus": "highest mean rank by linear models, neighbours and the learner",
    "stack": "most like errors injected into this corpus, by linear models and neighbours",
    "logistic": "lowest probability by logistic regression that never saw the document",
    "ridge": "farthest behind another class, by ridge regression on all other documents",
    "neighbours": "fewest similar documents with the same label",
    "aum": "lowest margin of the label over the best other class, averaged over epochs",
    "confidence": "lowest probability of the label, averaged over epochs",
    "loss": "highest cross-entropy, averaged over epochs",
    "el2n": "largest distance of the probabilities from the label, averaged over epochs",
    "last_prob": "lowest probability of the label after the last epoch",
    "correctness": "fewest epochs in which the label was predicted",
    "clusters": "nearest to the cluster of high loss curves",
    "variability": "most variable probability of the label: a control for cal audit, which ranks errors last",
    "cv_confidence": f"lowest confidence, {_UNSEEN}",
    "cv_aum": f"lowest aum, {_UNSEEN}",
    "cv_loss": f"highest loss, {_UNSEEN}",
    "cv_self_confidence": f"lowest probability after the last epoch, {_UNSEEN}",
    "cv_normalised_margin": f"lowest margin after the last epoch, {_UNSEEN}",
    "cleanlab": "confident learning by the package cleanlab",
    "calibrated": "lowest aum, with a probability learnt from labels flipped at random",
    "noise_detector": "lowest confidence, with a threshold learnt from flipped labels of easy documents",
    "threshold_samples": "lowest aum, compared with documents moved to an extra class",
}
"""What each detector ranks first, by name."""
