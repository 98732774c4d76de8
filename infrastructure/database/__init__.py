"""Databases: tables, rows, migrations, and what each dialect does its own way."""
