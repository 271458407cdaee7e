"""The progress bar of slow steps: shown in a terminal, unless warnings are not wanted either."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

logger = logging.getLogger(__name__)


def bar(*args: Any, **options: Any) -> tqdm[Any]:
    """A tqdm bar that leaves no trace; takes tqdm's arguments."""
    from tqdm import tqdm

    disable = None if logger.isEnabledFor(logging.WARNING) else True  # None: where there is no terminal
    shown: tqdm[Any] = tqdm(*args, **{"disable": disable, "leave": False, **options})
    return shown
