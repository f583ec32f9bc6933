"""The workflow that Kedge ships: a state machine that hands training and scoring to a worker by a queue."""
