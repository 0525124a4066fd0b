"""The embedded cloud's process: MiniStack behind a guard, with an owner and an orderly end.

Started by homeroom as `python -I server.py INSTANCE`, where INSTANCE is the random word that tells this process
from any other. homeroom hands over, beside the environment:

- stdin: a pipe that the owner holds. Its first line is the administrator's key. Its end of file means that the owner
  is gone, and so this process goes too, whatever became of the owner (Ctrl-C, SIGKILL). The word `detach` on it ends
  that bond.
- stdout: the listening socket, bound to a loopback port before this process began; nobody can take it meanwhile.
- stderr: the log.
"""

import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
import threading

# Seconds that requests in flight get to end once the process is told to stop.
DRAIN_SECONDS = 3.0


def read_administrator():
    """The administrator's access key and secret; None when the owner is gone before it tells them.

    They come on stdin so that neither the environment, which functions' processes inherit, nor the command line, which
    everybody on the machine can read, has them.
    """
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return None
        line += byte
    told = json.loads(line)
    return told["access_key"], told["secret_key"]


def forget(private_dir):
    """Removes the folder of an instance that keeps nothing."""
    if private_dir:
        shutil.rmtree(private_dir, ignore_errors=True)


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
            forget(private_dir)
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


async def serve(instance, listener, administrator):
    """Serves until told to stop by SIGTERM or SIGINT."""
    import snapshots

    # Before anything of MiniStack is imported.
    snapshots.install()
    import functions
    import guard
    import principals
    import workflows
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack.app import app

    functions.install()
    principals.install()
    workflows.install()

    addresses = guard.CodeAddresses(os.environ["GATEWAY_PORT"], secrets.token_bytes(32))
    cloud = guard.Cloud(administrator[0], addresses)
    gate = guard.Gate(app, cloud, addresses, administrator, instance)
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
    administrator = read_administrator()
    if administrator is None:
        forget(private_dir)
        sys.exit("the owner is gone")
    threading.Thread(target=watch_owner, args=(private_dir,), daemon=True).start()
    asyncio.run(serve(sys.argv[1], listener, administrator))


if __name__ == "__main__":
    main()
