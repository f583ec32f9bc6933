"""What the owner says in kedge.yaml: its model, loading, conditions, and the account's endpoints."""
