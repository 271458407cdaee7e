"""Everything built in that can be chosen by name: where it is, and one line about it for `--help`."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """The path of a choice, and one line about it."""

    path: str
    summary: str


STRATEGIES = {
    "random": Entry("cal.acquisition.random:Random", "uniformly at random: the baseline"),
    "least_confidence": Entry(
        "cal.acquisition.uncertainty:LeastConfidence", "lowest probability of the likeliest class"
    ),
    "margin": Entry("cal.acquisition.uncertainty:Margin", "smallest gap between the two likeliest classes"),
    "entropy": Entry("cal.acquisition.uncertainty:Entropy", "highest entropy of the predicted probabilities"),
    "bald": Entry("cal.acquisition.bald:Bald", "most disagreement between dropout samples (mutual information)"),
    "mc_entropy": Entry(
        "cal.acquisition.bald:McEntropy", "highest entropy of the mean dropout sample (the CAL paper's BALD)"
    ),
    "mc_margin": Entry("cal.acquisition.bald:McMargin", "smallest margin of the mean dropout sample"),
    "variation_ratio": Entry(
        "cal.acquisition.bald:VariationRatio", "most dropout samples that vote against the majority"
    ),
    "batch_bald": Entry(
        "cal.acquisition.batch_bald:BatchBald", "the batch with the most joint information about the network"
    ),
    "kmeans": Entry("cal.acquisition.clustering:KMeans", "nearest to the centres of k-means on the embeddings"),
    "kmeans_plus_plus": Entry("cal.acquisition.clustering:KMeansPlusPlus", "spread over the embeddings by k-means++"),
    "coreset": Entry(
        "cal.acquisition.coreset:Coreset", "farthest from everything labelled or chosen (greedy k-centre)"
    ),
    "typiclust": Entry("cal.acquisition.typiclust:TypiClust", "most typical instances of clusters with few labels"),
    "probcover": Entry(
        "cal.acquisition.probcover:ProbCover", "balls around the embeddings that cover most of the pool"
    ),
    "max_herding": Entry("cal.acquisition.herding:MaxHerding", "cover most of the pool, by a kernel on its vectors"),
    "uncertainty_herding": Entry(
        "cal.acquisition.herding:UncertaintyHerding", "cover most of the uncertain pool, by a kernel on its vectors"
    ),
    "real": Entry("cal.acquisition.pseudo_errors:Real", "pseudo-errors: predicted unlike most of their cluster"),
    "badge": Entry("cal.acquisition.badge:Badge", "spread over last-layer gradients by k-means++"),
    "expected_gradient_length": Entry(
        "cal.acquisition.gradient_length:ExpectedGradientLength", "longest expected gradient of the last layer"
    ),
    "contrastive_al": Entry(
        "cal.acquisition.contrastive:ContrastiveAl", "predicted unlike their nearest labelled neighbours"
    ),
    "tidal": Entry(
        "cal.acquisition.pool_dynamics:Tidal", "highest entropy during training, predicted by a small module"
    ),
    "averaged_margin": Entry(
        "cal.acquisition.pool_dynamics:AveragedMargin", "smallest margin of the predictions averaged over epochs"
    ),
    "averaged_entropy": Entry(
        "cal.acquisition.pool_dynamics:AveragedEntropy", "highest entropy of the predictions averaged over epochs"
    ),
    "epoch_disagreement": Entry(
        "cal.acquisition.pool_dynamics:EpochDisagreement", "most epochs that disagree with the last"
    ),
    "label_switches": Entry(
        "cal.acquisition.pool_dynamics:LabelSwitches", "predicted class changed most often from epoch to epoch"
    ),
    "label_dispersion": Entry(
        "cal.acquisition.pool_dynamics:LabelDispersion", "most epochs that disagree with the most frequent prediction"
    ),
    "round_change": Entry(
        "cal.acquisition.round_change:RoundChange", "predictions that the last batch of labels moved most"
    ),
    "dal": Entry("cal.acquisition.discriminative:Dal", "least like the labelled set, according to a discriminator"),
    "cal": Entry("cal.acquisition.cartography:Cal", "on the border of the seed map's hard-to-learn region"),
    "predicted_variability": Entry(
        "cal.acquisition.map_regression:PredictedVariability", "highest variability, predicted from the seed map"
    ),
    "predicted_boundary": Entry(
        "cal.acquisition.map_regression:PredictedBoundary", "predicted on the border of hard-to-learn"
    ),
    "predicted_ucb": Entry(
        "cal.acquisition.map_regression:PredictedUcb", "highest upper confidence bound on the predicted variability"
    ),
    "loss_clusters": Entry(
        "cal.acquisition.loss_clusters:LossClusters", "evenly from clusters of predicted loss curves"
    ),
    "blend": Entry("cal.acquisition.blend:Blend", "ranked high by several strategies at once"),
    "prefilter": Entry("cal.acquisition.wrappers:Prefilter", "the best by one strategy, then a batch by another"),
    "subpool": Entry("cal.acquisition.wrappers:Subpool", "a strategy on a random part of the pool"),
    "anchors": Entry("cal.acquisition.anchors:Anchors", "a strategy on the candidates near to labels of each class"),
    "balanced": Entry(
        "cal.acquisition.wrappers:Balanced", "the best candidates of the predicted classes with the fewest labels"
    ),
    "power": Entry("cal.acquisition.wrappers:Power", "drawn at random, in proportion to a score"),
    "mix": Entry("cal.acquisition.mix:Mix", "several strategies that share the batch: {mix: {dal: .5, cal: .5}}"),
}
READERS = {
    "docstrings": Entry("cal.data.docstrings:Docstrings", "docstrings of installed libraries"),
    "files": Entry("cal.data.local_files:LocalFiles", "csv, tsv, jsonl or parquet"),
    "hub": Entry("cal.data.hub:Hub", "a dataset of the Hugging Face hub"),
    "glue": Entry("cal.data.glue:Glue", "a folder of GLUE's TSV files: snli, mnli, qnli or winogrande"),
    "annotation": Entry(
        "cal.annotation.exports.reader:AnnotationReader", "a labelling project, as people have decided"
    ),
}
FEATURES = {
    "auto": Entry("cal.data.auto:Auto", "minilm where it is installed and suits the texts, otherwise lsa"),
    "minilm": Entry("cal.data.minilm:MiniLm", "sentence vectors of MiniLM, from an installed package"),
    "lsa": Entry("cal.data.lsa:Lsa", "tf-idf and truncated SVD"),
    "fasttext": Entry("cal.data.fasttext:FastText", "gensim fastText vectors, summed or averaged"),
    "encoder": Entry("cal.data.encoder:Encoder", "sentence vectors of a pretrained encoder"),
    "precomputed": Entry("cal.data.precomputed:Precomputed", "your own vectors"),
    "scikit": Entry("cal.data.scikit:Vectoriser", "a scikit-learn vectoriser, such as tf-idf; may be sparse"),
}
LEARNERS = {
    "mlp": Entry("cal.learners.mlp:MLP", "stacked multi-layer perceptrons"),
    "small_mlp": Entry("cal.learners.mlp:SmallMLP", "a perceptron that trains in a tenth of the time"),
    "transformer": Entry("cal.learners.transformer:Transformer", "a pretrained encoder, fine-tuned"),
    "scikit": Entry("cal.learners.scikit:Scikit", "a scikit-learn classifier, on a CPU"),
}
SEED_SETS = {
    "stratified": Entry("cal.simulation.seed_sets:StratifiedSeedSet", "classes in proportion, each at least once"),
    "balanced": Entry("cal.simulation.seed_sets:BalancedSeedSet", "as many of each class as possible"),
    "random": Entry("cal.simulation.seed_sets:RandomSeedSet", "uniformly at random; a class may be missing"),
    "kmeans": Entry("cal.simulation.seed_sets:KMeansSeedSet", "nearest to the cluster centres of the document vectors"),
    "typiclust": Entry(
        "cal.simulation.seed_sets:TypicalSeedSet", "the most typical document of each cluster of vectors"
    ),
}
STOPPING = {
    "stabilising_predictions": Entry("cal.simulation.stopping:StabilisingPredictions", "successive models agree"),
    "classification_change": Entry("cal.simulation.stopping:ClassificationChange", "predictions no longer change"),
    "overall_uncertainty": Entry("cal.simulation.stopping:OverallUncertainty", "mean entropy of the pool is low"),
    "expected_gain": Entry(
        "cal.simulation.stopping:ExpectedGain", "the accuracy that the model expects has levelled off"
    ),
    "max_rounds": Entry("cal.simulation.stopping:MaxRounds", "a number of batches: {max_rounds: {rounds: 10}}"),
    "target_accuracy": Entry("cal.simulation.stopping:TargetAccuracy", "accuracy on a dev set"),
    "target_macro_f1": Entry("cal.simulation.stopping:TargetMacroF1", "macro F1 on a dev set, for rare classes"),
    "any_of": Entry("cal.simulation.stopping:AnyOf", "at least one of several: {any_of: [expected_gain, ...]}"),
    "all_of": Entry("cal.simulation.stopping:AllOf", "all of several in the same round"),
}

CLUSTERS = {
    "local": Entry("cal.learners.clusters:LocalWorkers", "processes of this machine, with Dask's dashboard"),
    "address": Entry("cal.learners.clusters:Scheduler", "a scheduler that runs already: cluster=tcp://HOST:8786"),
    "slurm": Entry("cal.learners.clusters:Slurm", "jobs of Slurm, by dask-jobqueue"),
    "kubernetes": Entry("cal.learners.clusters:Kubernetes", "pods of Kubernetes, by dask-kubernetes"),
}

GROUPS = {
    "dataset": ("reader", READERS),
    "features": ("kind", FEATURES),
    "learner": ("kind", LEARNERS),
    "cluster": ("kind", CLUSTERS),
}
"""Groups of the configuration: the key that names a choice, and the choices."""
