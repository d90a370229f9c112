"""What commands return: values for code, tables for people."""
