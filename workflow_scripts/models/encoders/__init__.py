"""Encoders f: images (B, 3, H, W), or rows of a table (B, F), to features (B, D). One module a kind, found by name."""
