"""The embedded cloud's process: MiniStack behind a guard, with an owner and an orderly end.

Started by homeroom as `python -I server.py INSTANCE`, where INSTANCE is the random word that tells this process
from any other. homeroom hands over, beside the environment:

- stdin: a pipe that the owner holds. Its end of file means that the owner is gone, and so this process goes too,
  whatever became of the owner (Ctrl-C, SIGKILL). The word `detach` on it ends that bond.
- stdout: the listening socket, bound to a loopback port before this process began; nobody can take it meanwhile.
- stderr: the log.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import threading

IDENTITY_PATH = "/_homeroom/instance"
# A deployed API may be called by a web page, as on AWS; everything else is the control plane.
PUBLIC_PREFIX = "/_aws/execute-api/"
# Seconds that requests in flight get to end once the process is told to stop.
DRAIN_SECONDS = 3.0


class Gate:
    """Lets through what a tool on this machine sends, and keeps web pages away from the control plane.

    MiniStack takes any credentials and answers every origin, so without this any page open in the browser could
    create a function on the loopback port and have it run as the person who is logged in. A page betrays itself by
    `Origin` or `Sec-Fetch-Site`; one that had its own host name resolved to 127.0.0.1, by `Host`.
    """

    def __init__(self, app, instance, port):
        self.app = app
        self.port = port
        self.identity = json.dumps({"instance": instance, "pid": os.getpid()}).encode()
        self.in_flight = 0
        self.closing = False

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] == IDENTITY_PATH:
            await answer(send, 200, self.identity)
            return
        headers = {name.lower(): value.decode("latin-1").lower() for name, value in scope["headers"]}
        refusal = self.refusal(scope["path"], headers)
        if refusal is not None:
            if scope["type"] == "http":
                await answer(send, 403, json.dumps({"message": refusal}).encode())
            else:
                await send({"type": "websocket.close", "code": 1008})
            return
        if self.closing and scope["type"] == "http":
            await answer(send, 503, b'{"message": "the embedded cloud is stopping"}')
            return
        self.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1

    def refusal(self, path, headers):
        """Why a request is refused, or None."""
        host, _, port = headers.get(b"host", "").rpartition(":")
        local = host in ("127.0.0.1", "localhost") or host.endswith(".localhost")
        if not local or port != str(self.port):
            return "the embedded cloud answers to 127.0.0.1 and localhost only"
        if path.startswith(PUBLIC_PREFIX):
            return None
        if b"origin" in headers or headers.get(b"sec-fetch-site", "none") not in ("none", "same-origin"):
            return "the embedded cloud's control plane does not answer web pages"
        return None


async def answer(send, status, body):
    """Sends a whole JSON response."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def watch_owner(private_dir):
    """Ends this process, its functions' processes and its private folder when the owner is gone."""
    while True:
        heard = os.read(0, 64)
        if b"detach" in heard:
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.close(nothing)
            return
        if not heard:
            if private_dir:
                shutil.rmtree(private_dir, ignore_errors=True)
            os.killpg(0, signal.SIGKILL)


async def save_and_exit(gate):
    """Lets requests in flight end, saves the state, and ends the process with every function's process.

    This goes round hypercorn's own shutdown on purpose: from Python 3.12 on that waits for every open connection,
    and asyncio then for every worker thread, however long a function runs.
    """
    from ministack import app as cloud

    gate.closing = True
    deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
    while gate.in_flight and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)
    if cloud.PERSIST_STATE:
        cloud.save_all(cloud._build_persistence_save_dict())
    sys.stderr.flush()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    os._exit(0)


async def serve(instance, listener):
    """Serves until told to stop by SIGTERM or SIGINT."""
    import functions
    import principals
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack.app import app

    functions.install()
    principals.install()

    gate = Gate(app, instance, os.environ["GATEWAY_PORT"])
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    async def stop_when_told():
        await stop.wait()
        await save_and_exit(gate)

    config = Config()
    config.bind = [f"fd://{listener}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    await hypercorn_serve(gate, config, shutdown_trigger=stop_when_told, mode="asgi")


def main():
    # A session of its own: no terminal, so that Ctrl-C reaches homeroom alone, and one process group to end.
    os.setsid()
    os.umask(0o077)
    # Run with -I, Python does not look beside this script.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    listener = os.dup(1)
    os.dup2(2, 1)
    private_dir = os.environ.pop("HOMEROOM_PRIVATE_DIR", "")
    threading.Thread(target=watch_owner, args=(private_dir,), daemon=True).start()
    asyncio.run(serve(sys.argv[1], listener))


if __name__ == "__main__":
    main()
