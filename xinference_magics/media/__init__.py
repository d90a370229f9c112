"""Models of pictures and sounds, and what they make."""
