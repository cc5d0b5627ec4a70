"""Checkpoints that a method's authors released: one module a method, found by the method's name."""
