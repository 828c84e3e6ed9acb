"""A real mail server that keeps what it gets: aiosmtpd on a free port of loopback, or on the one that is named.

Prints `{"listening": PORT}`, then each mail as one line of JSON: its envelope, as it came (`raw`), and as Python's own
`email` package reads it.
"""

import asyncio
import email
import email.policy
import json
import sys

from aiosmtpd.smtp import SMTP


def say(fact):
    print(json.dumps(fact), flush=True)


class Sink:
    async def handle_DATA(self, _server, _session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        bodies = {kind: mail.get_body((kind,)) for kind in ("plain", "html")}
        say(
            {
                "envelope": {"from": envelope.mail_from, "to": envelope.rcpt_tos},
                "raw": envelope.content.decode(),
                "headers": [[name.lower(), str(value)] for name, value in mail.items()],
                "defects": [str(defect) for part in mail.walk() for defect in part.defects],
                "text": bodies["plain"] and bodies["plain"].get_content(),
                "html": bodies["html"] and bodies["html"].get_content(),
            }
        )
        return "250 OK"


async def serve(port):
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Sink(), hostname="sink"), "127.0.0.1", port)
    say({"listening": server.sockets[0].getsockname()[1]})
    await server.serve_forever()


asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
