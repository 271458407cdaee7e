"""Strategies: what to label next."""

from cal.acquisition.base import Acquisition, top
from cal.acquisition.one_run import OneRun, one_run
from cal.acquisition.pool import Batch, Pool
from cal.acquisition.run_view import RunView
from cal.acquisition.spec import make_strategies

__all__ = ["Acquisition", "OneRun", "Pool", "RunView", "Batch", "make_strategies", "one_run", "top"]
