"""Networks that read coefficients off a frame. `expression` is what is trained; `bundle` is how it is kept."""
