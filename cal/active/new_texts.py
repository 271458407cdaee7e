"""Predictions for texts that are none of the documents."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cal.active.chooser import DocumentChooser
from cal.active.round import TrainedRound
from cal.active.sources import documents_of
from cal.data.corpus import Corpus
from cal.data.features import Embedder, Features
from cal.data.new_documents import embedder_of
from cal.data.precomputed import Precomputed
from cal.data.table_files import ending
from cal.data.unlabelled import UnlabelledCorpus
from cal.errors import DataError, FeatureError, shown
from cal.threads import one_thread


class NewTexts:
    """Predicts new texts, as a round of `cal simulate` predicts those of a test split.

    What turns texts into vectors is fitted once. Classifiers that read vectors are asked at once; others are trained
    again beside the new texts.

    Args:
        chooser: chooser of the loop, which knows the documents and how to turn them into vectors.
        text: column of the texts of the documents, or two for pairs; new texts in a table may have them, too.
    """

    def __init__(self, chooser: DocumentChooser, text: str | Sequence[str] = "text") -> None:
        self._chooser, self._text = chooser, text
        self._embedder: Embedder | None = None

    @one_thread()
    def probs(self, trained: TrainedRound, texts: Any, features: Any = None) -> np.ndarray:
        """(text, class) probabilities.

        Args:
            trained: the classifier.
            texts: the texts, as `documents_of` takes them.
            features: (text, feature) vectors of the texts, for a loop whose own vectors were given.

        Raises:
            CalError: if the texts cannot be read or turned into vectors.
        """
        if isinstance(texts, str) and not ending(Path(texts)):
            raise DataError(f"texts is a single text. Give a list: [{shown(texts)}].")
        if isinstance(texts, Sized) and getattr(texts, "shape", None) != () and not len(texts):
            return np.empty((0, len(trained.known.label_names)))
        read = documents_of(texts, self._text, id=None)
        new, train = read.corpus, self._chooser.corpus.train
        if new.train.shape != train.shape:
            raise DataError(
                "The new texts are not of the kind of the documents: give pairs for pairs, texts for texts."
            )
        if not self._chooser.choices.learner.reads_features:
            logits = self._beside(trained, new)
        else:
            x = self._vectors(new) if features is None else Features.by_id(new, read.ids, features, "features").train
            width = self._chooser.vectors.width if self._chooser.vectors is not None else 0
            if x.shape[1] != width:
                raise FeatureError(f"The new vectors have {x.shape[1]} features, those of the documents {width}.")
            if hasattr(trained.learner, "predict_vectors"):
                logits = trained.learner.predict_vectors(x)[0]
            else:
                logits = self._beside(trained, new, x)
        probs: np.ndarray = torch.softmax(logits.to(torch.float64), dim=-1).cpu().numpy()
        row = {each: position for position, each in enumerate(new.train.ids)}
        return probs[[row[each] for each in read.ids]]

    def _vectors(self, new: UnlabelledCorpus) -> Any:
        kind = self._chooser.kind
        if isinstance(kind, Features | Precomputed):
            raise FeatureError(
                "The vectors of the documents were given, so those of new texts must be, too: "
                "predict(texts, features=vectors), with a row for each text."
            )
        if self._embedder is None:
            self._embedder = embedder_of(kind, self._chooser.corpus)
        return self._embedder(new)

    def _beside(self, trained: TrainedRound, new: UnlabelledCorpus, x: Any = None) -> torch.Tensor:
        """(text, class) logits of the same training, done again with the new texts as a test split."""
        together: Corpus = replace(self._chooser.corpus, test=new.train)
        vectors = self._chooser.vectors
        features = None if vectors is None or x is None else Features(vectors.train, x)
        found: torch.Tensor = self._chooser.train_beside(trained, together, features).predict_split("test")[0]
        return found
