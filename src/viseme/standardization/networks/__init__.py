"""Networks that read coefficients off a picture. `expression` is what is trained; `bundle` is how it is kept."""
