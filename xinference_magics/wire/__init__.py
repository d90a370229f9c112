"""Pure translation between LangChain's messages and Xinference's JSON.

    parameters  every parameter, declared once: fields, call arguments and config keys
    messages    LangChain messages -> the dicts that the server reads
    media       image, audio and video blocks -> the parts that an engine reads
    tools       tools and tool choices
    calls       tool calls that an engine left in the text
    native_calls, streamed_calls     tool calls that the server has found itself
    forced_choice, forced_calls      forced tool calls, asked for by a schema
    grammar     what a JSON schema becomes where an engine follows only a part of it
    partial     the beginning of a JSON text -> the value so far
    metadata    finish reasons, usage and other data of an answer
    tokens      estimates of how many tokens a request has
    reasoning   separates reasoning from the answer, however they arrive
    engines     request options that engines ignore
    profile     a server's model description -> LangChain's model profile
    schema      answer schemas: how they are sent, and whether an answer fits
    shapes      type-checked access to a server's JSON
    request     all of the above -> one request body
    answer      a complete answer -> AIMessage
    stream      a streamed answer, chunk by chunk -> ChatGenerationChunk
    text        a text completion, whole or streamed -> Generation
    vectors     texts -> embedding requests, responses -> vectors
    ranking     documents and a query -> a rerank request, the response -> documents by score

Nothing here does I/O or blocks, so sync and async calls share all of it.
"""
