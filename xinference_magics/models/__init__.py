"""What the LangChain classes share."""
