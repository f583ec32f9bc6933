"""The dashboard and the API: reads the database by name, and shows it."""
