"""Hooks into tpcp, pools, dask, cloudpickle, gaitmap_challenges."""

from __future__ import annotations
