"""Talks to Parlor over the `conversations` dialect with the `websockets` library, and checks what it hears.

Reads PARLOR_URL and PARLOR_TOKEN, and ends with "all is well".
"""

import asyncio
import json
import os
import uuid

import websockets
from websockets.asyncio.client import connect

URL, TOKEN = os.environ["PARLOR_URL"], os.environ["PARLOR_TOKEN"]


async def ask(socket, kind, **data):
    await socket.send(json.dumps({"type": kind, "data": data}))


async def until(socket, kind):
    while True:
        frame = json.loads(await asyncio.wait_for(socket.recv(), 20))
        assert frame["type"] != "error" or kind == "error", frame
        if frame["type"] == kind:
            return frame.get("data", frame)


async def follow(socket):
    """The next reply's text, and the data of its end."""
    await until(socket, "stream_start")
    text = ""
    while True:
        frame = json.loads(await asyncio.wait_for(socket.recv(), 20))
        if frame["type"] == "stream_content":
            assert frame["data"]["offset"] == len(text.encode()), frame
            text += frame["data"]["content"]
        elif frame["type"] == "stream_complete":
            return text, frame["data"]


async def first_message_auth():
    async with connect(URL) as socket:
        await socket.send(json.dumps({"type": "auth", "token": TOKEN}))
        uuid.UUID((await until(socket, "auth_success"))["user_id"])
        pong = await socket.ping()
        await asyncio.wait_for(pong, 10)


async def talk_and_come_back():
    async with connect(f"{URL}?token={TOKEN}") as socket:
        await until(socket, "auth_success")
        await ask(socket, "send_message", conversation_id=None, content="echo pythons ünd 🦜", message_type="user")
        message = (await until(socket, "message_received"))["message"]
        conversation = message["conversation_id"]
        text, end = await follow(socket)
        assert "pythons ünd 🦜" in text, text
        assert end["status"] == "complete" and end["seq"] == 2, end
        await ask(socket, "send_message", conversation_id=conversation, content="count to 3", message_type="user")
        await until(socket, "stream_start")
    # Gone in the middle of the reply; back with what was seen.
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with connect(URL, additional_headers=headers) as socket:
        await until(socket, "auth_success")
        await ask(socket, "resume", positions=[{"conversation_id": conversation, "seq": 2}])
        missed = []
        while True:
            frame = json.loads(await asyncio.wait_for(socket.recv(), 20))
            if frame["type"] == "message_received":
                missed.append(frame["data"]["message"])
            elif frame["type"] == "resumed":
                break
        assert frame["data"]["recovered"] is True, frame
        if len(missed) < 2:
            await until(socket, "stream_complete")
        await ask(socket, "history", conversation_id=conversation)
        messages = (await until(socket, "history"))["messages"]
        assert [message["seq"] for message in messages] == [1, 2, 3, 4], messages
        assert "3" in messages[3]["content"], messages


async def stop_a_long_reply():
    async with connect(f"{URL}?token={TOKEN}") as socket:
        await until(socket, "auth_success")
        await ask(socket, "send_message", conversation_id=None, content="slow, please", message_type="user")
        conversation = (await until(socket, "message_received"))["message"]["conversation_id"]
        await until(socket, "stream_content")
        await ask(socket, "stop_response", conversation_id=conversation)
        end = await until(socket, "stream_complete")
        assert end["status"] == "stopped", end


async def refused(url, code):
    async with connect(url) as socket:
        error = await until(socket, "error")
        assert error["code"] == code, error
        try:
            await asyncio.wait_for(socket.recv(), 20)
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd.code == 4001, closed
        else:
            raise AssertionError("the connection stays")


async def main():
    await first_message_auth()
    await talk_and_come_back()
    await stop_a_long_reply()
    await refused(f"{URL}?token=nonsense", "INVALID_TOKEN")
    print("all is well")


asyncio.run(main())
