"""The vocabulary of Kilonova: values and ports that every other package shares.

Nothing here imports a framework, touches a socket or reads a clock of its own accord.
"""
