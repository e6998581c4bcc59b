"""Training of expression networks, with torch; what people run never imports it. Start with `train.py`."""
