"""Time, grids, results, errors, registries. Knows nothing of torch, files or faces."""
