"""The schema of back ends, on fakes."""
