"""Transformer: the hyperparameters of a pretrained encoder that is fine-tuned, and the learner they make."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from cal.checks import numbers_in, one_of, refuse, whole_numbers
from cal.data.corpus import Corpus
from cal.data.features import Features
from cal.data.pretrained import Pretrained
from cal.data.tokens import Tokens, tokenise
from cal.errors import ModelError, shown
from cal.learners.class_weights import class_weight_problems
from cal.learners.classifier import Architecture, shared_classifier
from cal.learners.finetune import Schedule
from cal.learners.nn import PRECISIONS
from cal.learners.transformer_learner import TransformerLearner

POOLING = ("head", "cls", "mean")


@dataclass
class Transformer:
    """Hyperparameters of a pretrained encoder with a classification head, fine-tuned.

    Args:
        model: name on the Hugging Face hub, a folder, or `pkg://PACKAGE/FOLDER` for one in an installed package.
        revision: branch, tag or commit on the hub; null is the newest.
        n_epochs: number of passes over the labelled instances; there is no early stopping.
        batch_size: instances per training step.
        micro_batch_size: instances in one forward and backward pass; a step sums the gradients of several. Null is the
            whole batch. If memory runs out, it is halved, and results stay the same.
        lr: AdamW's highest learning rate.
        warmup: fraction of the steps in which the learning rate rises to `lr`; then it falls linearly to 0.
        weight_decay: AdamW's decay of matrices and embeddings.
        max_grad_norm: norm to which longer gradients are clipped.
        max_length: number of tokens after which a text is cut; null is the most that the model reads.
        pooling: vector of a text that strategies see: `head`, the input of the head's last layer; `cls`, the last
            hidden state of the first token; or `mean`, that of all tokens. In multiple choice, one for each choice.
        dropout: probability in all of the model's dropout modules; null keeps their own. Attention probabilities
            are never dropped, so that masks can belong to instances.
        precision: what matrix products round their factors to: bf16, or float32 on devices without it; float32; or
            tf32, on GPUs that have it. Weights, logits and the optimiser stay in float32.
        freeze: number of lowest layers that are not trained, and neither are the embeddings; null trains everything.
        lora: rank of low-rank updates, trained instead of the encoder's weights; 0 trains the weights.
        new_head: replace the head of the model by a fresh one.
        gradient_checkpointing: recompute activations instead of keeping them, which saves memory and takes time.
        compile: compile the model first, which takes a minute or more.
        class_weights: weights of the classes in the loss: `balanced` makes all classes among the labelled instances
            count the same, n / (k n_c) for a class with n_c of the n instances of k classes; null counts all
            instances the same.

    References:
        BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding (Devlin et al., 2019)
        https://aclanthology.org/N19-1423
        LoRA: Low-Rank Adaptation of Large Language Models (Hu et al., 2022)
        https://arxiv.org/abs/2106.09685
    """

    model: str = "sentence-transformers/all-MiniLM-L6-v2"
    revision: str | None = None
    n_epochs: int = 5
    batch_size: int = 32
    micro_batch_size: int | None = None
    lr: float = 1e-4
    warmup: float = 0.1
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    max_length: int | None = None
    pooling: str = "head"
    dropout: float | None = None
    precision: str = "bf16"
    freeze: int | None = None
    lora: int = 0
    new_head: bool = False
    gradient_checkpointing: bool = False
    compile: bool = False
    class_weights: str | None = None

    reads_features = False
    uses_gpu = True

    def __post_init__(self) -> None:
        problems = whole_numbers(n_epochs=self.n_epochs, batch_size=self.batch_size)
        if not isinstance(self.model, str) or not self.model:
            problems.append(f"model must be a name on the Hugging Face hub or a folder, not {shown(self.model)}.")
        problems += whole_numbers(or_null=True, micro_batch_size=self.micro_batch_size)
        problems += whole_numbers(0, or_null=True, freeze=self.freeze) + whole_numbers(0, lora=self.lora)
        problems += whole_numbers(3, or_null=True, max_length=self.max_length)
        problems += numbers_in("(0, inf)", lr=self.lr, max_grad_norm=self.max_grad_norm)
        problems += numbers_in("[0, inf)", weight_decay=self.weight_decay)
        problems += numbers_in("[0, 1)", warmup=self.warmup) + numbers_in("[0, 1)", or_null=True, dropout=self.dropout)
        problems += one_of(POOLING, pooling=self.pooling) + one_of(PRECISIONS, precision=self.precision)
        refuse(problems + class_weight_problems(self.class_weights))

    @property
    def abilities(self) -> frozenset[str]:
        """What strategies may use."""
        return frozenset({"features", "embeddings"} | ({"dropout"} if self.dropout != 0 else set()))

    @property
    def architecture(self) -> Architecture:
        """What is trained of the model."""
        return Architecture(
            self.dropout, self.freeze, self.lora, self.new_head, self.gradient_checkpointing, self.compile
        )

    @property
    def schedule(self) -> Schedule:
        """How it is trained."""
        return Schedule(
            self.n_epochs,
            self.batch_size,
            self.micro_batch_size or self.batch_size,
            self.lr,
            self.warmup,
            self.weight_decay,
            self.max_grad_norm,
            self.class_weights,
        )

    def inputs(self, corpus: Corpus, features: Features | None, needs: frozenset[str] = frozenset()) -> Tokens:
        """The tokens of the texts.

        Raises:
            ModelError: if the model cannot be loaded or called, its head does not fit the labels, or a strategy samples
                networks by dropout and the model has none.
        """
        tokens = tokenise(corpus, Pretrained.find(self.model, self.revision), self.max_length)
        classifier = shared_classifier(tokens, corpus.n_classes, self.architecture, "cpu")
        longest = int(tokens.document_lengths("train").argmax())
        if not classifier.try_out(tokens.batch("train", [longest])) and "dropout" in needs:
            way_out = "Leave the strategy out" + ("" if self.dropout else ", or try learner.dropout=0.1")
            raise ModelError(f"{self.model} has no dropout, and a strategy samples networks by it. {way_out}.")
        theirs, ours = classifier.own_labels, list(corpus.label_names)
        named = theirs is not None and theirs != [f"LABEL_{i}" for i in range(len(theirs))]
        if theirs is not None and named and [name.lower() for name in theirs] != [name.lower() for name in ours]:
            raise ModelError(
                f"The head of {self.model} has the labels {', '.join(theirs)}, but {corpus.name} has "
                f"{', '.join(ours)}. Give dataset.label_names in the order of the head, or learner.new_head=true."
            )
        return tokens

    def build(self, inputs: Tokens, n_classes: int, n_runs: int, device: torch.device) -> TransformerLearner:
        """A learner of tokens."""
        return TransformerLearner(
            inputs,
            n_classes,
            n_runs,
            device,
            architecture=self.architecture,
            schedule=self.schedule,
            pooling=self.pooling,
            precision=self.precision,
        )

    def bytes_per_run(self, inputs: Tokens, n_instances: int, n_labelled: int, n_classes: int) -> int:
        """Approximate memory of a GPU that one run takes."""
        classifier = shared_classifier(inputs, n_classes, self.architecture, "cpu")
        weights = 4 * 4 * classifier.n_weights  # with AdamW's two moments, and gradients
        width = classifier.module.config.hidden_size * inputs.n_choices
        of_documents = n_labelled * 4 * 5 * self.n_epochs + n_instances * (4 * width + 8 * 20 * n_classes + 8 * 8)
        return int(weights + of_documents)
