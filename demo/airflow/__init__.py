"""An Airflow on loopback, of either generation, in an environment of its own: for the demo and the tests."""
