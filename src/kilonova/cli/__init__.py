"""The command line: noun, verb, ``--json``. Data goes to stdout, everything else to stderr."""
