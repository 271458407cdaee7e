"""Registry: everything that can be chosen by name, loaded only when chosen.

A choice is a dataclass whose fields are its parameters and its schema in the configuration. Here each is a path
`module:Class` with one line for `--help`.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import traceback
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from cal.checks import known_name, refuse
from cal.errors import ConfigError, UnknownNameError, in_words, nearest_name


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

GROUPS = {"dataset": ("reader", READERS), "features": ("kind", FEATURES), "learner": ("kind", LEARNERS)}
"""Groups of the configuration: the key that names a choice, and the choices."""

STRATEGY_GROUP, LABELLER_GROUP = "cal.acquisitions", "cal.labellers"


def strategy_names() -> list[str]:
    """Names of built-in and installed strategies, without importing them."""
    return [*STRATEGIES, *(name for name in _installed_names(STRATEGY_GROUP) if name not in STRATEGIES)]


def find_strategy(name: str) -> Any:
    """The class of a strategy, built in or from the entry point of an installed package.

    Raises:
        UnknownNameError: if the strategy does not exist.
        ConfigError: if its package cannot be loaded.
    """
    if name in STRATEGIES:
        return find(STRATEGIES, "strategy", name)
    return _installed(STRATEGY_GROUP, "strategy", "strategies", name, strategy_names())


def find_labeller(name: str) -> Any:
    """The function or class of a labeller, from the entry point of an installed package.

    Raises:
        UnknownNameError: if the labeller does not exist.
        ConfigError: if its package cannot be loaded.
    """
    known = _installed_names(LABELLER_GROUP)
    return _installed(LABELLER_GROUP, "labeller", "labellers", name, known, " Or give it as module:function.")


def _installed_names(group: str) -> list[str]:
    return sorted({entry.name for entry in entry_points(group=group)})


def _installed(group: str, kind: str, kinds: str, name: str, known: list[str], more: str = "") -> Any:
    """What an installed package offers in a group of entry points."""
    offers = {}
    for entry in entry_points(group=group):
        if entry.name == name:
            offers[entry.dist.name if entry.dist else entry.value] = entry
    if len(offers) > 1:
        raise ConfigError(
            f"{kind.capitalize()} '{name}' is provided by the packages {', '.join(sorted(offers))}; uninstall all but "
            "one."
        )
    for package, entry in offers.items():
        try:
            return entry.load()
        except (Exception, SystemExit) as error:
            raise ConfigError(
                f"{kind.capitalize()} '{name}' of the package '{package}' cannot be loaded: {said(error)}. Fix or "
                "uninstall it."
            ) from error
    hint = f"Packages can add {kinds} through the entry point group '{group}'.{more}"
    raise UnknownNameError(kind, name, known, hint)


def find(entries: Mapping[str, Entry], kind: str, name: str) -> type:
    """The class of a built-in name.

    Raises:
        UnknownNameError: if the name does not exist.

    Example:
        >>> find(LEARNERS, "learner", "mlp").__name__
        'MLP'
    """
    found: type = find_target(entries[known_name(kind, name, entries)].path)
    return found


def find_target(path: str) -> Any:
    """The object at `package.module.Name` or `package.module:Name`.

    Raises:
        ConfigError: if it cannot be imported.

    Example:
        >>> find_target("collections.OrderedDict").__name__
        'OrderedDict'
    """
    module, _, name = path.replace(":", ".").rpartition(".")
    try:
        return getattr(import_module(module), name)
    except SystemExit as error:
        raise ConfigError(
            f"Cannot import '{path}': when {module} is imported, {said(error)}. Move what it runs under "
            "`if __name__ == '__main__':`."
        ) from error
    except Exception as error:  # a user's module may raise anything
        what = f"{type(error).__name__}: {error}"
        raise ConfigError(f"Cannot import '{path}': {what}. Give it as package.module.Name.") from error


def build(choice: type, parameters: Mapping[str, Any], where: str) -> Any:
    """Creates an object of a chosen class from its parameters.

    Raises:
        ConfigError: if a parameter is unknown or missing, or its value is refused; names `where` it stands.

    Example:
        >>> build(find(LEARNERS, "learner", "mlp"), {"epochs": 3}, "learner")
        Traceback (most recent call last):
        cal.errors.ConfigError: learner has no parameter 'epochs'. Did you mean 'n_epochs'? It takes: hidden, ...
    """
    if dataclasses.is_dataclass(choice):
        known = [field.name for field in dataclasses.fields(choice)]
        refuse(unknown_parameter(str(name), known, where) for name in parameters if name not in known)
        needed = [each.name for each in inspect.signature(choice).parameters.values() if each.default is each.empty]
        if missing := [name for name in needed if name not in parameters]:
            raise ConfigError(f"{where} needs a value for {in_words(missing)}.")
    try:
        return choice(**parameters)
    except ConfigError as error:
        raise ConfigError(f"{where}: {problem}" for problem in error.problems) from error
    except (Exception, SystemExit) as error:  # a user's class may raise anything
        raise ConfigError(f"{where} cannot be made from {dict(parameters)}: {said(error)}.") from error


def choose(entries: Mapping[str, Entry], kind: str, spec: Any) -> tuple[str, Any]:
    """The label and the object of a name, or of `{name: parameters}`; an object stays, its repr is its label.

    Raises:
        ConfigError: if the name or a parameter is unknown, or a value is refused.

    Example:
        >>> choose(LEARNERS, "learner", {"mlp": {"dropout": 0.1}})[0]
        'mlp(dropout=0.1)'
    """
    if isinstance(spec, str):
        return spec, build(find(entries, kind, spec), {}, f"{kind} '{spec}'")
    if not isinstance(spec, Mapping):
        return repr(spec), spec
    if len(spec) != 1 or not isinstance(parameters := next(iter(spec.values())), Mapping):
        raise ConfigError(f"{kind} {spec!r} must be a name or {{name: {{parameter: value}}}}.")
    name = str(next(iter(spec)))
    made = build(find(entries, kind, name), parameters, f"{kind} '{name}'")
    return f"{name}({','.join(f'{key}={value}' for key, value in parameters.items())})", made


def said(error: BaseException) -> str:
    """What an error says without a full stop, or which line called `sys.exit`.

    Example:
        >>> said(ValueError("k is 0.")), said(SystemExit(3))
        ('k is 0', 'it calls sys.exit(3)')
    """
    if not isinstance(error, SystemExit):
        return str(error).removesuffix(".")
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [place for place in places if "_sitebuiltins" not in place[0]]  # exit() and quit() are functions of Python
    where = f"line {ours[-1][1]} of {ours[-1][0]}" if ours else "it"
    return f"{where} calls sys.exit({error.code!r})"


def name_of(choice: Any) -> str | None:
    """The registered name of an object's class, or None.

    Example:
        >>> name_of(find(LEARNERS, "learner", "mlp")())
        'mlp'
    """
    path = f"{type(choice).__module__}:{type(choice).__qualname__}"
    entries = [*READERS.items(), *FEATURES.items(), *LEARNERS.items()]
    return next((name for name, entry in entries if entry.path == path), None)


def described(value: Any) -> str:
    """A scikit-learn estimator and its parameters that are no defaults, in one line that is the same in every process.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> described(LogisticRegression(C=10, class_weight={0: 1, 1: 2}))
        'LogisticRegression(C=10, class_weight={0: 1, 1: 2})'
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(described, value))}]"
    if inspect.isclass(value) or not hasattr(value, "get_params"):
        return re.sub(r" at 0x[0-9a-f]+", "", " ".join(repr(value).split()))
    signature, parameters = inspect.signature(type(value)).parameters, value.get_params(deep=False)
    usual = {name: repr(each.default) for name, each in signature.items()}
    given = [f"{name}={described(each)}" for name, each in parameters.items() if repr(each) != usual.get(name)]
    return f"{type(value).__name__}({', '.join(given)})"


def unknown_parameter(name: str, known: list[str], where: str) -> str:
    """The message for an unknown parameter."""
    nearest = nearest_name(name, known)
    suggestion = f" Did you mean '{nearest}'?" if nearest else ""
    return f"{where} has no parameter '{name}'.{suggestion} It takes: {', '.join(known) or 'none'}."
