"""A small chat program for Parlor's `rooms` dialect, as somebody would write it with the `websockets` library.

Reads PARLOR_URL, PARLOR_TOKEN and PARLOR_ROOM. Asks something, prints "ready" when it was answered, comes back whenever
the connection is lost, and when somebody says "the end" prints all that it heard, a line each, and "all is well".
"""

import asyncio
import json
import os

import websockets
from websockets.asyncio.client import connect

URL, TOKEN, ROOM = (os.environ[name] for name in ("PARLOR_URL", "PARLOR_TOKEN", "PARLOR_ROOM"))


class Program:
    def __init__(self):
        self.heard = {}
        self.answer = ""
        self.answered = self.uploads = self.typed = self.is_ready = False

    async def run(self):
        while "the end" not in self.heard.values():
            try:
                async with connect(f"{URL}?token={TOKEN}&room_id={ROOM}") as self.socket:
                    if not self.is_ready:
                        await self.begin()
                    async for text in self.socket:
                        self.read(json.loads(text))
                        if "the end" in self.heard.values():
                            break
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(0.1)

    async def begin(self):
        await self.say("hello from Python")
        await self.socket.send(json.dumps({"type": "typing", "data": {"is_typing": True, "room_id": ROOM}}))
        upload = {"upload_type": "init", "file_name": "a.txt", "file_size": 1, "mime_type": "text/plain"}
        await self.socket.send(json.dumps({"type": "file_upload", "data": upload, "room_id": ROOM}))

    async def say(self, text):
        data = {"message": text, "conversation_id": None, "model_preference": "gpt-4"}
        message_id = f"msg-{asyncio.get_running_loop().time()}"
        frame = {"type": "chat", "data": data, "room_id": ROOM, "message_id": message_id}
        await self.socket.send(json.dumps(frame))

    def read(self, frame):
        kind, data = frame["type"], frame["data"]
        if kind == "chat" and data["role"] == "user":
            self.heard[data["message_id"]] = data["content"]
        elif kind == "chat":
            self.answer += data["content"] if data["streaming"] else ""
            self.answered = self.answered or data.get("done", False)
        elif kind == "typing":
            self.typed = self.typed or data["user_id"] == "assistant"
        elif kind == "file_upload":
            self.uploads = data["upload_type"] == "init" and data["status"] == "ready"
        elif kind == "error":
            raise AssertionError(data)
        if self.answered and self.uploads and self.typed and not self.is_ready:
            assert len(self.answer) > 10, self.answer
            self.is_ready = True
            print("ready", flush=True)


program = Program()
asyncio.run(asyncio.wait_for(program.run(), 50))
print("\n".join(program.heard.values()))
print("all is well")
