"""Parts of shards to measure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from cal.planning.plan_request import ShardsPlanRequest
from cal.shards.files import ShardPart, open_shard, row_groups
from cal.streams import stream

LEAST = 3
"""Parts that are measured at least, if there are so many."""
_SHARE = 0.01  # of the parts


def drawn_parts(request: ShardsPlanRequest, parts: Sequence[ShardPart], seed: int) -> tuple[list[ShardPart], ShardPart]:
    """The parts to measure, as many as fill the processes, and another one if there is any.

    They are row groups if there are hardly any parts.
    """
    n_processes = request.n_processes
    from_these = parts if len(parts) >= LEAST else [group for part in parts for group in row_groups(part)]
    n = request.parts or max(LEAST, math.ceil(_SHARE * len(parts)))
    n = min(-(-n // n_processes) * n_processes, len(from_these))
    order = torch.randperm(len(from_these), generator=stream(seed, "plan/parts")).tolist()
    return [from_these[position] for position in order[:n]], from_these[order[min(n, len(order) - 1)]]


def bytes_of(part: ShardPart) -> int:
    """Bytes of a part in its file."""
    with open_shard(part.path) as file:
        about = [file.metadata.row_group(group) for group in range(*part.groups)]
        return sum(each.column(i).total_compressed_size for each in about for i in range(each.num_columns))
