"""What back ends see: connections of all users, and their credentials."""
