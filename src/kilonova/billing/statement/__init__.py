"""Profit and loss: what each model, engine, organisation and project earned, cost and left."""
