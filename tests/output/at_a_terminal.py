"""Runs a command at a terminal of its own and answers its questions: at_a_terminal.py '[["question", "answer"], …]' COMMAND …"""

import json
import os
import pty
import select
import sys

dialogue, command = json.loads(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
said, answered = b"", 0
while True:
    if not select.select([terminal], [], [], 60)[0]:
        sys.exit(f"it says nothing any more; so far: {said.decode()}")
    try:
        more = os.read(terminal, 4096)
    except OSError:  # Linux's way to say that the command has closed the terminal.
        more = b""
    if not more:
        break
    said += more
    while dialogue and (at := said.find(dialogue[0][0].encode(), answered)) >= 0:
        answered = at + len(dialogue[0][0].encode())
        os.write(terminal, dialogue.pop(0)[1].encode() + b"\n")
sys.stdout.buffer.write(said)
sys.stdout.flush()
if dialogue:
    sys.exit(f"it did not ask: {dialogue}")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
