"""Classifiers that train several runs side by side and record their dynamics, epoch by epoch.

- `base`: the protocols, and `as_learner`. `out_of_fold`: dynamics of instances that a training did not see.
- `mlp`: perceptrons on document vectors, as one stack (`nn`) with written-out gradients (`backprop`).
- `transformer`: hyperparameters of a pretrained encoder; `transformer_learner` fine-tunes it with `classifier` (the
  network and its weights), `adapt` (what of it is trained), `finetune` (the steps), `dropout` (masks that belong to
  instances) and `checkpoint` (a training on disk).
- `scikit`: a scikit-learn classifier as a learner; `scikit_learner` trains it.
- `grid`: many trainings at once. `compute`: blocks that fit a GPU, and worker processes. `evaluate`: test scores.
"""
