"""Training loops of the usual kind, the other side of a comparison: one module a method, found by the method's name.

A module's `LOOP(method, raw, meta, training, side, device)` takes one pass over the training objects and returns the
number of steps. raw: the tree of images; meta: of the packed data, for views, mean and deviation; training: the run's
settings; side: of the images [pixels].
"""
