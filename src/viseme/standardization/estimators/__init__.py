"""Ways to read expression off a face: one file each, all behind `interface.ExpressionEstimator`."""
