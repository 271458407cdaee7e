"""Queues: which documents people read, in which order, and who gets the next one.

`filters` and `matching` (which documents), `basis` and `scores` (ranked by what), `orders` and `draw_order` (drawn with
known probabilities), `queue_options`, `queue_making`, `draws`, `queues`; `serving`, `task` and `task_making`.
"""
