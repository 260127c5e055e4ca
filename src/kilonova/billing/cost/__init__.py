"""What answering takes: resources with rates, the energy that they draw, and their cost over time.

[resources.NAME] ─ plan_resources ► Resource ─ Machine ► Cost of a request (gateway/work.py)
                                             ─ resource_cost ► ResourceCost of a period
"""
