"""From a workload to machines, power, capital and the cost of a million tokens.

    tables ─► shape, accelerator ─► columns ─► steps ─► steady ─► search ─► fleet ─► cost
    facts/*.toml  what things are    arrays   seconds  Little's   ranked   by hour  dollars
                                                          │
                          arrivals ─► replica ─► replay ◄─ pace    the best one's busiest hour

Everything but ``tables`` is a pure function of values, vectorised over configurations; the event
loop of ``replica`` goes through one of them. Formulas and their measured errors are in
docs/explanation/capacity.md. The core's words are the only import.

Plans are estimates: their dollars are floats, and nothing of them is ever booked.
"""
