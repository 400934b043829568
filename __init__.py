"""ldikit."""
