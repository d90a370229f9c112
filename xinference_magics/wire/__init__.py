"""Pure translation between LangChain's messages and Xinference's JSON.

    parameters  what can be set, declared once: fields, per call, from a call's config
    messages    LangChain messages -> the dicts that the server reads
    media       image, audio and video blocks -> the parts that an engine reads
    tools       tools and tool choices
    calls       tool calls that an engine left in the text
    text_calls  one such call
    reasoning   thoughts and answer, told apart wherever they arrive
    engines     what engines do not keep of a request
    profile     what a server says a model can do -> LangChain's model profile
    schema      the schema of an answer: how it is sent, and whether an answer fits it
    shapes      parts of an answer, each of the type that it has to have
    request     all of the above -> one request body
    answer      a whole answer -> AIMessage
    stream      a streamed answer, chunk by chunk -> ChatGenerationChunk
    text        the continuation of a text, whole or streamed -> Generation
    vectors     texts -> requests for their vectors, answers -> vectors
    ranking     documents and a query -> a request, the answer -> documents by score

No I/O happens here, and nothing waits: sync and async calls share all of it.
"""
