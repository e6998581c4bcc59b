"""One generator of talking faces for everybody: the published one, and ours in the standard space."""
