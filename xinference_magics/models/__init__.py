"""Code shared by the LangChain classes."""
