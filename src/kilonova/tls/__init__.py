"""TLS without a ceremony: an authority of the installation's own, or the operator's own files."""
