"""What Kedge is measured against: `make bench`."""
