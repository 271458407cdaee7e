"""Classifiers that train several runs side by side and tell what they did, epoch by epoch.

- `base`: the protocol. `out_of_fold`: dynamics of instances that a training did not see.
- `mlp`: perceptrons on document vectors, as one stack.
- `transformer`: hyperparameters of a pretrained encoder that is fine-tuned; `transformer_learner` does it with
  `classifier` (the network and its weights), `finetune` (the steps), `dropout` (masks that belong to instances) and
  `checkpoint` (a training on disk).
"""
