"""Methods, one file each: the loss, the embedding, and what the method can do."""
