"""From the text of a cell to a prompt: expressions, values, attachments and history."""
