"""GraphQL: everything that a client sees, and nothing else."""
