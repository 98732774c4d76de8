"""The rules of connecting and disconnecting providers. Standard library only."""
