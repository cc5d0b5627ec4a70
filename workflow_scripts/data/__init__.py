"""Data: sources, safe unpacking, readers, the renderer, packing, actions and pair sampling."""
