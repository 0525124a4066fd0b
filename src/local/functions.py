"""How MiniStack runs Python functions, brought nearer to AWS and made cheaper.

MiniStack 1.5.33 gives every function a process of its own and keeps it. Seven things are changed, each by the
smallest patch that does it; a MiniStack that these no longer fit is refused at the start:

- an exception that a function raises is told by its own name, as AWS does, and not as `Runtime.HandlerError`: a state
  machine's Retry and Catch go by that name. The process lives on, as an execution environment does on AWS;
- code that cannot be loaded is told by the codes of AWS's runtime (`Runtime.UserCodeSyntaxError`), in the answer and in the
  log, and not as a `RuntimeError` without a log;
- botocore is imported when a function asks for it, and not in every process (about 20 MB and 0.15 s of processor);
- of the processes that wait for work only the most recently used are kept, so that a class of hundreds fits into a
  laptop. The others begin cold again, as functions on AWS do after a while;
- what a function logged is told to its end: the process says where an execution's lines end. MiniStack waits some
  milliseconds for lines that may come, which loses them on a busy machine and costs 50 ms where none come;
- a function's credentials are those of its role and cannot be guessed. MiniStack derives the secret from names;
- two executions that find the log group missing do not both make it, and lose one another's lines.
"""

import hashlib
import hmac
import os
import queue
import secrets
import threading
import time

RAISED = "__homeroom_raised__"
# Ends an execution's lines on a function's stderr.
END_OF_LOG = "\x1e__homeroom_end_of_log__\x1e"
# Longest that the end of an execution's lines is waited for after its answer: both were written at the same time.
LOG_PATIENCE = 10.0

# Goes in front of the script that runs in a function's process.
PREAMBLE = '''
import sys as _homeroom_sys
_homeroom_stderr = _homeroom_sys.stderr


def _homeroom_end_of_log():
    # A function may put what it likes in the place of stderr, or close it.
    for stream, text in ((_homeroom_sys.stderr, ""), (_homeroom_stderr, %r + "\\n")):
        try:
            stream.write(text)
            stream.flush()
        except Exception:
            pass


class _HomeroomFault(Exception):
    """What AWS's runtime says of code that it cannot load."""


def _homeroom_not_begun(error, module, handler):
    kind, text, trace = type(error).__name__, str(error), []
    if isinstance(error, ImportError):
        kind, text = "Runtime.ImportModuleError", "Unable to import module '{}': {}".format(module, error)
    elif isinstance(error, SyntaxError):
        kind, text = "Runtime.UserCodeSyntaxError", "Syntax error in module '{}': {}".format(module, error)
        trace = ['  File "{}" Line {}\\n    {}'.format(error.filename, error.lineno, error.text)]
    elif isinstance(error, AttributeError) and error.__traceback__.tb_next is None:
        # The module has no such name. One that it lacked while it was loaded is its own mistake.
        kind, text = "Runtime.HandlerNotFound", "Handler '{}' missing on module '{}'".format(handler, module)

    def handler_fn(event, context):
        raise _HomeroomFault(kind, text, trace)

    return handler_fn


def _homeroom_raised(error):
    import traceback
    if isinstance(error, _HomeroomFault):
        kind, text, trace = error.args
        return {"errorType": kind, "errorMessage": text, "stackTrace": trace}
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

''' % END_OF_LOG

PATCHES = (
    (
        "    _ms_install_invoke_depth()\n    try:",
        "    sys.meta_path.insert(0, _HomeroomWhenNeeded())\n    try:",
    ),
    (
        """        _real_stdout.write(json.dumps({"status": "error", "error": str(e)}) + "\\n")
        _real_stdout.flush()
        return

    while True:""",
        """        handler_fn = _homeroom_not_begun(e, module_name, handler_name)
        _real_stdout.write(json.dumps({"status": "ready", "cold": True}) + "\\n")
        _real_stdout.flush()

    while True:""",
    ),
    (
        '{"status": "error", "error": str(e), "trace": traceback.format_exc()}',
        '{"status": "ok", "result": {"%s": _homeroom_raised(e)}}' % RAISED,
    ),
    (
        "        _real_stdout.flush()\n\nrun()",
        "        _homeroom_end_of_log()\n        _real_stdout.flush()\n\nrun()",
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
    worker = lambda_runtime.Worker
    worker._drain_stderr_bounded = told_to_the_end(worker._drain_stderr_bounded)
    if lambda_svc.execution_credentials is not lambda_runtime.execution_credentials:
        raise RuntimeError("this MiniStack is not the one that homeroom knows: it has functions' credentials twice")
    credentials = credentials_of_role(
        secrets.token_bytes(32), lambda_runtime._account_region_from_function_config, open_session
    )
    lambda_runtime.execution_credentials = lambda_svc.execution_credentials = credentials
    one_at_a_time(lambda_svc, "_emit_lambda_logs")
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


def told_to_the_end(drain):
    """Wraps MiniStack's collecting of a function's lines so that it ends with the execution's last line."""

    def drain_to_the_end(worker, *args, **kwargs):
        if not worker.config.get("Runtime", "python").startswith("python"):
            return drain(worker, *args, **kwargs)
        lines = []
        deadline = time.monotonic() + LOG_PATIENCE
        while time.monotonic() < deadline:
            reader = worker._stderr_thread
            # Looked at first: what a reader that has ended had read is in the queue.
            ended = reader is None or not reader.is_alive()
            try:
                line = worker._stderr_queue.get(timeout=0 if ended else 0.05)
            except (queue.Empty, ValueError):
                if ended:
                    break
                continue
            # A last line without its line break has the end on it.
            text, end, _ = line.partition(END_OF_LOG)
            if text or not end:
                lines.append(text)
            if end:
                break
        return "\n".join(lines)

    return drain_to_the_end


def credentials_of_role(key, account_and_region, register):
    """Makes the credentials of a function's role: the same for all its processes, and known to nobody else."""

    def execution_credentials(config):
        account, _ = account_and_region(config)
        role = config.get("Role", "").rsplit("/", 1)[-1]
        name = config.get("FunctionName", "function")[:64]

        def derived(what):
            text = "\0".join((what, config.get("FunctionArn", ""), config.get("Role", "")))
            return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

        access_key = "ASIA" + derived("key")[:16].upper()
        secret, token = derived("secret"), derived("token")
        register(access_key, {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
            "UserId": f"{role}:{name}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        })
        return {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}

    return execution_credentials


def open_session(access_key, session):
    """Tells MiniStack's STS a session, once."""
    from ministack.services import sts

    if access_key not in sts._sessions:
        sts.register_session(access_key, session)


def one_at_a_time(module, name):
    """Has a function of a module run once at a time."""
    function = getattr(module, name)
    lock = threading.Lock()

    def locked(*args, **kwargs):
        with lock:
            return function(*args, **kwargs)

    setattr(module, name, locked)


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
