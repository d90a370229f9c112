"""Tool calls that a model wrote into its text and the engine left there.

formats, tagged_formats   the table: one entry for each way models write calls
format     what defines one
bodies     readers for the contents of a call: JSON, tags, Python, ...
json_text, values, expressions, cursor   helpers for these readers
openings   where a call may begin
candidate  what may be a call -> whether it is one
splitter   pieces of text -> text and calls
"""
