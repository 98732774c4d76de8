"""The rules of disconnecting a provider. Standard library only."""
