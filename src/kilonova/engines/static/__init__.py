"""Runs static word vectors: a text is the weighted sum of its pieces' vectors, nothing more.

``engine`` is the face; ``pieces`` splits text, ``vectors`` adds up, ``file`` reads and distrusts
the weights. Plain Python and exact integers: the same text gives the same bits on every machine,
alone or in a batch.
"""
