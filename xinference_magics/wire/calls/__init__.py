"""Tool calls that a model wrote into its text and the engine left there.

formats   the table: one entry for each way models write calls
bodies    readers for the contents of a call: JSON, tags, Python, ...
json_text, values, expressions, candidate, cursor   helpers for these readers
openings  pieces of text -> text and calls
"""
