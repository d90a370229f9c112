"""Pure translation between LangChain's messages and Xinference's JSON; no I/O happens here.

    parameters  what can be set, declared once: fields, per call, from a call's config
    messages    LangChain messages -> the dicts that the server reads
    media       image, audio and video blocks -> the parts that an engine reads
    tools       tool choices, and calls that an engine left in the text
    reasoning   thoughts and answer, told apart wherever they arrive
    request     all of the above -> one request body
    answer      a whole answer -> AIMessage
    stream      a streamed answer, chunk by chunk -> ChatGenerationChunk
"""
