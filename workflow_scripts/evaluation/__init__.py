"""Evaluation: embeddings, probes, R2, and the rows they yield."""
