"""`python -m viseme.reproduce.standardization_bench`: expression against known truth, on real faces, and its speed."""
