"""One folder per vendor wire. A dialect decodes, calls the gateway, and encodes; nothing else."""
