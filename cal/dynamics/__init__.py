"""The dynamics core: what a model did on each instance, epoch by epoch. Knows nothing of active learning."""
