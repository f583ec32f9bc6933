"""The scripts that the SageMaker jobs of the shipped state machine run, in containers with /opt/ml."""
