"""The recipe of Kilonova Embed: static vectors fitted to pairs of texts that belong together."""
