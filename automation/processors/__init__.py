"""Nornir processors: what watches a run and tells of it. Give them to `nornir.with_processors([...])`."""
