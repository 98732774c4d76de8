"""What users see: the schema of web and mobile apps."""
