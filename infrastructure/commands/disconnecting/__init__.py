"""`unplug disconnect`: an operator ends connections of many users."""
