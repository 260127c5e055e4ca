"""The recipe that trains Kilonova Spark from scratch, from text to a measured GGUF file."""
