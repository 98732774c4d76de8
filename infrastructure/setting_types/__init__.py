"""Types of settings. An error message follows the variable's name and never quotes the value."""
