"""The database: records, schema, and the queries that the rest of Kedge asks by name."""
