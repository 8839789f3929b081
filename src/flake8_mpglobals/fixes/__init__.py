"""Rewrites that make a lost write arrive: plans of edits, applied only where proved.

``engine`` is the front; ``shapes`` holds one module per kind of rewrite.
"""
