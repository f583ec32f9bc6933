"""Retraining: what follows a breach, from the training set to the model that took over."""
