"""Classifiers that train several runs side by side and tell what they did, epoch by epoch."""
