"""Pool-based active learning, simulated: the grid, the loop, its folder and its result."""
