"""Hook into tpcp, joblib, dask, cloudpickle and gaitmap_challenges."""

from __future__ import annotations
