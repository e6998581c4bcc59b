"""A face put back into a frame: inverse pose, relighting, jaw warp, mask, blend. Refuses to know where it came from."""
