"""What retraining rests on, looked at before there is a run: one module for each thing that is looked at."""
