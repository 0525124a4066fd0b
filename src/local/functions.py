"""How MiniStack runs Python functions, brought nearer to AWS and made cheaper.

MiniStack 1.5.33 gives every function a process of its own and keeps it. Three things are changed, each by the
smallest patch that does it; a MiniStack that these no longer fit is refused at the start:

- an exception that a function raises is told by its own name, as AWS does, and not as `Runtime.HandlerError`: a state
  machine's Retry and Catch go by that name. The process lives on, as an execution environment does on AWS;
- botocore is imported when a function asks for it, and not in every process (about 20 MB and 0.15 s of processor);
- of the processes that wait for work only the most recently used are kept, so that a class of hundreds fits into a
  laptop. The others begin cold again, as functions on AWS do after a while.
"""

import os
import threading
import time

RAISED = "__homeroom_raised__"

# Goes in front of the script that runs in a function's process.
PREAMBLE = '''
def _homeroom_raised(error):
    import traceback
    return {
        "errorType": type(error).__name__,
        "errorMessage": str(error),
        # Without the frame of this script.
        "stackTrace": traceback.format_list(traceback.extract_tb(error.__traceback__)[1:]),
    }


class _HomeroomWhenNeeded:
    """Does what MiniStack does to botocore just before botocore is first used."""

    def find_spec(self, name, path=None, target=None):
        if name == "botocore.session":
            import sys
            sys.meta_path.remove(self)
            _ms_install_invoke_depth()
        return None

'''

PATCHES = (
    (
        "    _ms_install_invoke_depth()\n    try:",
        "    sys.meta_path.insert(0, _HomeroomWhenNeeded())\n    try:",
    ),
    (
        '{"status": "error", "error": str(e), "trace": traceback.format_exc()}',
        '{"status": "ok", "result": {"%s": _homeroom_raised(e)}}' % RAISED,
    ),
)


def install():
    """Applies all of it to the MiniStack in this process."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    for old, new in PATCHES:
        if script.count(old) != 1:
            raise RuntimeError(f"this MiniStack is not the one that homeroom knows: {old!r} is not in its worker")
        script = script.replace(old, new)
    lambda_runtime._PYTHON_WORKER_SCRIPT = PREAMBLE + script
    lambda_svc._execute_function_warm = told_by_name(lambda_svc._execute_function_warm)
    threading.Thread(target=keep_trimmed, args=(lambda_runtime, warm_limit()), daemon=True).start()


def told_by_name(execute):
    """Wraps MiniStack's execution of a function so that an exception comes out as AWS's error object."""

    def execute_and_tell(func, event, request_id):
        outcome = execute(func, event, request_id)
        body = outcome.get("body")
        if not isinstance(body, dict) or RAISED not in body:
            return outcome
        raised = body[RAISED]
        trace = "".join(raised["stackTrace"])
        told = f"[ERROR] {raised['errorType']}: {raised['errorMessage']}\nTraceback (most recent call last):\n{trace}"
        log = "\n".join(part for part in (outcome.get("log"), told.rstrip()) if part)
        return {"body": {**raised, "requestId": request_id}, "error": True, "log": log}

    return execute_and_tell


def warm_limit():
    """How many processes may wait for work: a third of the memory at 30 MB each, but 24 to 384.

    Measured: 11 MB for one without boto3, 45 MB for one with a client. Beyond the limit an execution costs about
    0.5 s of two processors, below it 0.03 s.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(24, min(384, memory // 3 // 30_000_000))


def keep_trimmed(runtime, limit):
    """Ends, every second, the longest idle processes beyond the limit."""
    while True:
        time.sleep(1)
        runtime.kill_workers(take_surplus(runtime, limit))


def take_surplus(runtime, limit):
    """Takes the longest idle workers beyond the limit out of MiniStack's pools."""
    with runtime._lock:
        pools = runtime._workers
        idle = [(worker.last_used, key, worker) for key, pool in pools.items() for worker in pool if not worker.in_use]
        count = sum(len(pool) for pool in pools.values())
        surplus = sorted(idle, key=lambda entry: entry[0])[: max(0, count - limit)]
        for _, key, worker in surplus:
            pools[key].remove(worker)
        return [worker for _, _, worker in surplus]
