"""What an operator sees: one trace and one log line a request, and Prometheus metrics."""
