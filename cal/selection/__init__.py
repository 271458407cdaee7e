"""What to train on: recipes, weights, schedules and AFLite."""
