"""The namespace /ai, by python-socketio.

Reads PARLOR_URL, PARLOR_TOKEN, PARLOR_TRANSPORTS and PARLOR_REPLY, and prints "all is well".
"""

import asyncio
import os

import socketio

URL, TOKEN = os.environ["PARLOR_URL"], os.environ["PARLOR_TOKEN"]
TRANSPORTS = os.environ["PARLOR_TRANSPORTS"].split(",")
REPLY = os.environ["PARLOR_REPLY"]
EVENTS = ["chat:conversation", "chat:user-message", "chat:message", "chat:end", "chat:stopped", "chat:error"]


class Tab:
    """A client that keeps what it hears, in its order."""

    def __init__(self):
        self.heard = asyncio.Queue()
        self.client = socketio.AsyncClient(reconnection=False)
        for name in EVENTS:
            self.client.on(name, self.keep(name), namespace="/ai")
        self.client.on("connect_error", self.keep("connect_error"), namespace="/ai")

    def keep(self, name):
        async def handler(data=None):
            await self.heard.put((name, data))

        return handler

    async def connect(self, token=TOKEN):
        await self.client.connect(URL, auth={"token": token}, namespaces=["/ai"], transports=TRANSPORTS)

    async def emit(self, name, data=None):
        await self.client.emit(name, data, namespace="/ai")

    async def until(self, wanted):
        while True:
            name, data = await asyncio.wait_for(self.heard.get(), 20)
            if name == wanted:
                return data

    async def reply(self):
        text = ""
        while True:
            name, data = await asyncio.wait_for(self.heard.get(), 20)
            if name == "chat:message":
                assert data["offset"] == len(text.encode()), data
                text += data["content"]
            elif name in ("chat:end", "chat:stopped", "chat:error"):
                return text, name, data


async def main():
    stranger = Tab()
    try:
        await stranger.connect("nonsense")
        raise AssertionError("a stranger was let in")
    except socketio.exceptions.ConnectionError:
        pass
    refused = await stranger.until("connect_error")
    assert refused["message"] == "INVALID_TOKEN", refused

    one, two = Tab(), Tab()
    await one.connect()
    await two.connect()
    await one.emit("chat:start", {"message": "Count", "conversationId": None})
    made = (await one.until("chat:conversation"))["conversationId"]
    assert (await two.until("chat:conversation"))["conversationId"] == made
    for tab in (one, two):
        assert (await tab.until("chat:user-message"))["content"] == "Count"
        text, name, end = await tab.reply()
        assert (text, name) == (REPLY, "chat:end"), (text, name, end)
        assert end["conversationId"] == made and end["totalTokens"] > 0, end

    await one.emit("chat:start", {"message": "Go on", "conversationId": made})
    await one.until("chat:message")
    await one.emit("chat:stop")
    stopped = await one.until("chat:stopped")
    assert stopped["messageId"], stopped

    await one.emit("chat:start", {"message": 1})
    assert (await one.until("chat:error"))["code"] == "INVALID_REQUEST"
    await one.client.disconnect()
    await two.client.disconnect()
    print("all is well")


asyncio.run(main())
