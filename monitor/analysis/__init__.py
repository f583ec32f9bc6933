"""Model Monitor's container contract: a job told by variables and files, its outputs, its last words."""
