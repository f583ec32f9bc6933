"""What data should look like: profiles, and Model Monitor's statistics and constraints."""
