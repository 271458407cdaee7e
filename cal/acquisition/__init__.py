"""Acquisition functions: what to label next."""

from cal.acquisition.base import Acquisition, Pool, Selection, top
from cal.acquisition.spec import make_strategies

__all__ = ["Acquisition", "Pool", "Selection", "make_strategies", "top"]
