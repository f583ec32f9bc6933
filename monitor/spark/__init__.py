"""Spark for what outgrows a machine: the same digest in many places, and the sums of what they found."""
