"""Talks to Parlor over the `broker` dialect with the `websockets` library; behind the server is a worker that repeats
what it is told, word by word.

Reads PARLOR_URL and PARLOR_TOKEN, and ends with "all is well".
"""

import asyncio
import json
import os

import websockets
from websockets.asyncio.client import connect

URL, TOKEN = os.environ["PARLOR_URL"], os.environ["PARLOR_TOKEN"]


async def send(socket, **frame):
    await socket.send(json.dumps(frame))


async def until(socket, kind):
    while True:
        frame = json.loads(await asyncio.wait_for(socket.recv(), 20))
        assert frame["type"] != "error" or kind == "error", frame
        if frame["type"] == kind:
            return frame


async def enter():
    socket = await connect(URL)
    await send(socket, type="auth", token=TOKEN)
    await until(socket, "auth_success")
    return socket


async def talk():
    """Asks, is answered, and leaves; gives the thread."""
    socket = await enter()
    await send(socket, type="send_message", thread_id=None, content="pythons ünd 🦜", client_message_id="p-1")
    ack = await until(socket, "message_ack")
    assert ack["client_message_id"] == "p-1" and ack["seq"] == 1, ack
    reply = await until(socket, "ai_response")
    assert reply["message_id"] == ack["message_id"], reply
    assert reply["response_content"] == "You said: pythons ünd 🦜", reply
    assert (reply["status"], reply["model_used"], reply["generated_by"]) == ("complete", "echo", "echo"), reply
    await socket.close()
    return ack["thread_id"]


async def cancel(thread):
    """Stops a long reply in its middle."""
    socket = await enter()
    await send(socket, type="send_message", thread_id=thread, content="word " * 1000)
    typing = await until(socket, "typing")
    assert typing["user_id"] == "assistant" and typing["typing"] is True, typing
    await asyncio.sleep(0.5)
    await send(socket, type="cancel_message", thread_id=thread)
    reply = await until(socket, "ai_response")
    assert reply["status"] == "stopped", reply
    assert "You said: word word".startswith(reply["response_content"][:19]), reply
    await socket.close()


async def come_back(thread):
    """Has everything again, in order."""
    socket = await enter()
    await send(socket, type="resume", positions=[{"thread_id": thread, "seq": 1}])
    missed = []
    while True:
        frame = json.loads(await asyncio.wait_for(socket.recv(), 20))
        if frame["type"] == "resumed":
            break
        missed.append(frame)
    assert frame["recovered"] is True, frame
    assert [entry["seq"] for entry in missed] == [2, 3, 4], missed
    await send(socket, type="history", thread_id=thread)
    assert (await until(socket, "history"))["messages"][1:] == missed
    await socket.close()


async def refused():
    async with connect(f"{URL}?token=nonsense") as socket:
        error = await until(socket, "error")
        assert error["code"] == "INVALID_TOKEN", error
        try:
            await asyncio.wait_for(socket.recv(), 20)
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd.code == 4001, closed
        else:
            raise AssertionError("the connection stays")


async def main():
    thread = await talk()
    await cancel(thread)
    await come_back(thread)
    await refused()
    print("all is well")


asyncio.run(main())
