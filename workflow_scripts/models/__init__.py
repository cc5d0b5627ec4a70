"""Networks: encoders, projectors and the context transformer."""
