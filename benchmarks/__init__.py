"""The speed budgets, measured side by side in one run: ``python -m benchmarks.overhead``."""
