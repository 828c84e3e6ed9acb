"""An AI worker for Parlor: start from here, and put your model into `reply`.

    pip install websockets
    AI_SERVICE_KEY=... python worker.py
"""

import asyncio, json, os, re, sys
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

URL, KEY = os.environ.get("PARLOR_URL", "ws://127.0.0.1:8000/ws"), os.environ["AI_SERVICE_KEY"]


async def reply(context):
    """Takes the conversation, oldest first, each piece with `role` and `content`; gives the reply piece by piece."""
    for word in re.findall(r"\s*\S+", "You said: " + context[-1]["content"]):
        yield word
        await asyncio.sleep(0.05)


async def answer(send, task):
    turn = task["message_id"]  # names the turn in all that is said of it
    try:
        async for piece in reply(task["conversation_context"]):
            await send(type="ai_response_chunk", message_id=turn, delta=piece)
        await send(type="ai_response", message_id=turn, model_used="echo")
    except ConnectionClosed:
        pass  # the server has given the turn to another worker
    except Exception as error:
        await send(type="ai_error", message_id=turn, message=str(error))


async def main():
    async for socket in connect(URL):  # and again whenever the connection ends, after a growing pause
        send, turns = lambda **frame: socket.send(json.dumps(frame)), {}
        try:
            await send(type="ai_auth", service_key=KEY, canister_id="echo", models=["echo"], capacity=8)
            async for frame in socket:
                frame = json.loads(frame)
                if frame["type"] == "process_message":
                    turns[frame["message_id"]] = asyncio.create_task(answer(send, frame))
                elif frame["type"] in ("cancel_message", "ai_response_ack") and frame["message_id"] in turns:
                    turns.pop(frame["message_id"]).cancel()
        except ConnectionClosed as end:
            if end.rcvd and end.rcvd.code == 4001:
                sys.exit("the service key is not one of the server's")


asyncio.run(main())
