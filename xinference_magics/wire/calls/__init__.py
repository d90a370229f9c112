"""Tool calls that a model wrote into its text, and an engine left there.

formats   the table: one entry for each way in which models write calls
bodies    how what stands between the tags is read: JSON, tags, Python, ...
json_text, values, offered, cursor   what they read with
splitter  a text's pieces -> text and calls
"""
