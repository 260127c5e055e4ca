"""Cards of own models: what a model does and does not, with every figure beside its bar.

`card` has the types, `write` the files, `markdown` the page, `charts` the pictures, `cost` what
training took.
"""
