"""A face in motion, in the formats that people use."""
