"""Uses Parlor as an OpenAI-compatible API, by the official client. The argument names the part.

Reads PARLOR_URL (with `/v1`) and PARLOR_TOKEN, and ends with "all is well".
"""

import os
import sys

import openai

client = openai.OpenAI(base_url=os.environ["PARLOR_URL"], api_key=os.environ["PARLOR_TOKEN"], max_retries=0)
HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello ünd 🦜"}]


def complete(**more):
    return client.chat.completions.create(**{"model": "echo-1", "messages": HELLO, **more})


def refused(kind, code, **more):
    try:
        complete(**more)
    except kind as error:
        assert error.code == code, (error.code, error.body)
        return error
    raise AssertionError(f"{kind.__name__} was due")


def talk():
    """Behind the server: a worker that serves `echo-1` and repeats what it hears."""
    models = {model.id: model for model in client.models.list()}
    assert models["echo-1"].owned_by == "canister-1", models

    whole = complete()
    choice = whole.choices[0]
    assert (choice.message.role, choice.finish_reason) == ("assistant", "stop"), whole
    assert choice.message.content == "echo: hello ünd 🦜", whole
    assert whole.object == "chat.completion" and whole.model == "echo-1", whole
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.usage.total_tokens) == (3, 4, 7), whole

    pieces, finish, usage = [], None, None
    for chunk in complete(stream=True, stream_options={"include_usage": True}):
        assert chunk.object == "chat.completion.chunk", chunk
        usage = chunk.usage or usage
        for choice in chunk.choices:
            pieces.append(choice.delta.content or "")
            finish = choice.finish_reason or finish
    assert "".join(pieces) == "echo: hello ünd 🦜", pieces
    assert len([piece for piece in pieces if piece]) > 1, "it comes in pieces"
    assert finish == "stop" and usage.total_tokens == 7, (finish, usage)
    assert all(chunk.usage is None for chunk in complete(stream=True)), "figures come where they are asked for"


def refusals():
    """What this API's clients tell apart by the kind of the error."""
    refused(openai.NotFoundError, "MODEL_NOT_FOUND", model="nobody-serves-this")
    refused(openai.BadRequestError, "INVALID_REQUEST", messages=[])
    refused(openai.BadRequestError, "INVALID_REQUEST", n=2)
    refused(openai.BadRequestError, "CONTEXT_TOO_LONG", messages=[{"role": "user", "content": "x" * 200_000}])
    stranger = client.with_options(api_key="nonsense")
    for ask in (stranger.models.list, lambda: stranger.chat.completions.create(model="echo-1", messages=HELLO)):
        try:
            ask()
        except openai.AuthenticationError as error:
            assert error.status_code == 401 and error.code == "INVALID_TOKEN", error.body
        else:
            raise AssertionError("a bad token is taken")


def over_budget():
    for stream in (False, True):
        error = refused(openai.PermissionDeniedError, "TOKEN_BUDGET_EXCEEDED", stream=stream)
        assert error.status_code == 403, error


def rate_limited():
    complete()
    complete()
    error = refused(openai.RateLimitError, "RATE_LIMIT")
    assert int(error.response.headers["retry-after"]) >= 1, error.response.headers
    client.models.list()


def tools():
    """Behind the server: a provider that calls a tool for one model, and answers for another."""
    weather = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    asked = {"model": "tool-call", "tools": [{"type": "function", "function": weather}], "tool_choice": "auto"}
    whole = complete(**asked).choices[0]
    assert whole.finish_reason == "tool_calls" and whole.message.content is None, whole
    call = whole.message.tool_calls[0]
    assert (call.id, call.function.name) == ("call-1", "weather"), call
    assert call.function.arguments == '{"city": "Zürich"}', call

    arguments = ""
    for chunk in complete(**asked, stream=True):
        for choice in chunk.choices:
            for piece in choice.delta.tool_calls or []:
                assert piece.index == 0, piece
                arguments += piece.function.arguments or ""
    assert arguments == '{"city": "Zürich"}', arguments

    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    answer = complete(**{**asked, "model": "plain", "messages": [*HELLO, whole.message, result]}).choices[0]
    assert answer.finish_reason == "stop" and answer.message.content.startswith("wörd-0é "), answer


part = {it.__name__: it for it in (talk, refusals, over_budget, rate_limited, tools)}[sys.argv[1]]
part()
print("all is well")
