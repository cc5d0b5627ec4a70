"""Kinds of contexts beside the groups, by name: one list for evaluation, costs and reporting."""

# Conditions of rows that were measured under a context begin with this; then comes the kind of the context.
CONTEXT = "context "

NO_ACTIONS = "none"  # of a method that reads no actions
INVARIANT = "invariant"  # all actions hidden, of a method that was trained so as well

# Controls: contexts with false actions. Those that are made of each group, and the one that is not.
ZERO = "zero-action"
OF_EACH_GROUP = ("shuffled", "foreign", "decoys")
CONTROLS = (ZERO, *OF_EACH_GROUP)
