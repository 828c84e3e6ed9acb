"""Talks to Parlor over the `sessions` dialect with the `websockets` library, and checks what it hears.

Reads PARLOR_URL, PARLOR_TOKEN, and PARLOR_FOREIGN: a session of somebody else. Ends with "all is well".
"""

import asyncio
import json
import os
import uuid

import websockets
from websockets.asyncio.client import connect

URL, TOKEN, FOREIGN = (os.environ[name] for name in ("PARLOR_URL", "PARLOR_TOKEN", "PARLOR_FOREIGN"))
WITH_TOKEN = f"{URL}?token={TOKEN}"


async def heard(socket):
    return json.loads(await asyncio.wait_for(socket.recv(), 20))


async def expect(socket, kind):
    frame = await heard(socket)
    assert frame["type"] == kind, frame
    return frame


async def ask(socket, **request):
    """Sends a request; gives its reply, before which the AI types."""
    await socket.send(json.dumps(request))
    assert await heard(socket) == {"type": "typing"}
    return await expect(socket, "message")


async def refused(socket, code, sent):
    """What is sent is refused in one flat frame, and the connection stays."""
    await socket.send(sent if isinstance(sent, str) else json.dumps(sent))
    error = await expect(socket, "error")
    assert error["code"] == code and error["message"] and "data" not in error, error
    return error


async def closed(socket, code):
    try:
        while True:
            await asyncio.wait_for(socket.recv(), 20)
    except websockets.ConnectionClosed as end:
        assert end.rcvd.code == code, end


async def as_the_first_clients_do():
    """Nothing but the fields that every client of this dialect has known from the start."""
    async with websockets.connect(WITH_TOKEN) as socket:
        assert json.loads(await socket.recv()) == {"type": "connected"}
        await socket.send(json.dumps({"message": "echo push-ups", "message_type": "fitness_plan"}))
        assert json.loads(await socket.recv()) == {"type": "typing"}
        reply = json.loads(await socket.recv())
        assert reply["type"] == "message" and "push-ups" in reply["message"], reply
        assert reply["message_type"] == "fitness_plan", reply
        assert isinstance(reply["data"]["raw_events"], list), reply
        took = reply["data"]["response_time_ms"]
        assert isinstance(took, int) and took >= 0, reply
        for name in ("session_id", "user_id"):
            uuid.UUID(reply[name])
        assert reply["timestamp"].endswith("Z"), reply
        again = {"message": "echo squats", "session_id": reply["session_id"]}
        await socket.send(json.dumps(again))
        assert json.loads(await socket.recv())["type"] == "typing"
        second = json.loads(await socket.recv())
        assert "squats" in second["message"], second
        assert [second[name] for name in ("session_id", "user_id")] == [reply[name] for name in ("session_id", "user_id")]
        assert second["message_type"] == "user", second


async def other_ways_in():
    async with connect(URL, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as socket:
        await expect(socket, "connected")
    async with connect(URL) as socket:
        await socket.send(json.dumps({"type": "auth", "token": TOKEN}))
        await expect(socket, "connected")
        await socket.send(json.dumps({"type": "auth", "token": TOKEN}))
        await expect(socket, "connected")
        await socket.send(json.dumps({"type": "ping", "request_id": "p"}))
        assert await heard(socket) == {"type": "pong", "request_id": "p"}
    for url, code in ((URL + "?token=nonsense", "INVALID_TOKEN"), (URL, "UNAUTHENTICATED")):
        async with connect(url) as socket:
            if url == URL:
                await socket.send(json.dumps({"message": "let me in"}))
            error = await expect(socket, "error")
            assert error["code"] == code, error
            await closed(socket, 4001)


async def pieces():
    async with connect(WITH_TOKEN) as socket:
        await expect(socket, "connected")
        request = {"message": "echo ünd 🦜 and so on for some words", "stream": True, "request_id": "r", "client_message_id": "c"}
        await socket.send(json.dumps(request))
        await expect(socket, "typing")
        text, frame = "", await heard(socket)
        while frame["type"] == "chunk":
            assert frame["offset"] == len(text.encode()), frame
            text += frame["content"]
            frame = await heard(socket)
        assert frame["type"] == "message" and frame["message"] == text and "🦜" in text, frame
        assert (frame["request_id"], frame["client_message_id"]) == ("r", "c"), frame


async def refusals():
    async with connect(WITH_TOKEN) as socket:
        await expect(socket, "connected")
        names = {"request_id": "r-1", "client_message_id": "c-1"}
        wrong = [
            ({"message": "hi", "session_id": FOREIGN}, "CONVERSATION_NOT_FOUND"),
            ({"message": "hi", "session_id": str(uuid.uuid4())}, "CONVERSATION_NOT_FOUND"),
            ({"message": "hi", "session_id": "507f1f77bcf86cd799439011"}, "INVALID_REQUEST"),
            ({"message": "hi", "session_id": 7}, "INVALID_REQUEST"),
            ({"message": "hi", "context": [1]}, "INVALID_REQUEST"),
            ({"message": "hi", "context": "text"}, "INVALID_REQUEST"),
            ({"message": "hi", "context": {"deep": "x" * 17_000}}, "INVALID_REQUEST"),
            ({"message": "hi", "stream": "yes"}, "INVALID_REQUEST"),
            ({"message": "hi", "message_type": "x" * 33}, "INVALID_REQUEST"),
            ({"message": 7}, "INVALID_REQUEST"),
            ({}, "INVALID_REQUEST"),
            ({"message": ""}, "INVALID_MESSAGE_CONTENT"),
            ({"message": "a\0b"}, "INVALID_MESSAGE_CONTENT"),
            ({"message": "x" * (64 * 1024 + 1)}, "MESSAGE_TOO_LONG"),
            ({"type": "send_message", "message": "hi"}, "UNKNOWN_TYPE"),
        ]
        for request, code in wrong:
            error = await refused(socket, code, request | names)
            assert {name: error.get(name) for name in names} == names, (request, error)
        strange = await refused(socket, "CONVERSATION_NOT_FOUND", {"message": "hi", "session_id": FOREIGN})
        unknown = {"message": "hi", "session_id": FOREIGN[:-1] + ("0" if FOREIGN[-1] != "0" else "1")}
        nobodys = await refused(socket, "CONVERSATION_NOT_FOUND", unknown)
        strange.pop("session_id", None), nobodys.pop("session_id", None)
        assert strange == nobodys, (strange, nobodys)
        for text in ("", "{", "[1]", '"text"', "null", "nonsense"):
            await refused(socket, "INVALID_JSON", text)
        reply = await ask(socket, message="echo still here", context=None, session_id=None, message_type=None)
        assert "still here" in reply["message"], reply
        await socket.send(b'{"message":"hi"}')
        await closed(socket, 1003)


async def main():
    await as_the_first_clients_do()
    await other_ways_in()
    await pieces()
    await refusals()
    print("all is well")


asyncio.run(main())
