"""MiniStack's shared tables, made safe to walk while other threads change them.

MiniStack serves requests on one thread and runs functions and executions on others; all of them share tables (plain
dictionaries, sets and queues, nested in one another). Where one thread walks a table and another inserts, Python ends
the walk with "dictionary changed size during iteration", and that comes out wherever the walk happened to be: in a
cold start of a function it is the function's own error.

There are hundreds of such walks, so the kind is mended and not the case: MiniStack's source is compiled with every
walk going over a snapshot. `for key in table` becomes `for key in walk(table)`, as do comprehensions and what is
handed to `list`, `sorted`, `any` and their like. A snapshot is taken by `list(table)`, which the interpreter does in one
piece. What is no shared kind of container passes through as it is.

The compiled code is kept beside Python's own, under another name, so that only the first start of an installation
compiles. `install` must come before the first import of MiniStack.
"""

import ast
import builtins
import collections
import copy
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import marshal
import os
import sys
import tempfile
import types

PACKAGE = "ministack"
# The name under which `walk` stands in every module of MiniStack.
WALK = "_homeroom_walk"
# Functions that walk what they are given.
WALKERS = frozenset(
    "all any enumerate filter frozenset iter list map max min reversed set sorted sum tuple zip".split()
)
# What ends a walk with an error when it changes meanwhile. A list does not.
KINDS = frozenset({
    dict, type({}.keys()), type({}.values()), type({}.items()), set, collections.deque,
    collections.OrderedDict, collections.defaultdict, collections.Counter,
    type(collections.OrderedDict().keys()), type(collections.OrderedDict().values()),
    type(collections.OrderedDict().items()),
})


def walk(table):
    """A snapshot of a container that other threads may change; anything else as it is."""
    if type(table) not in KINDS:
        return table
    while True:
        try:
            return list(table)
        except RuntimeError:
            # Before Python 3.12 the garbage collector may run in the middle, and a finalizer let another thread in.
            continue


class Walks(ast.NodeTransformer):
    """Rewrites every walk of a module."""

    def wrapped(self, node):
        call = ast.Call(func=ast.Name(id=WALK, ctx=ast.Load()), args=[node], keywords=[])
        return ast.copy_location(call, node)

    def visit_For(self, node):
        self.generic_visit(node)
        node.iter = self.wrapped(node.iter)
        return node

    def visit_comprehension(self, node):
        self.generic_visit(node)
        if not node.is_async:
            node.iter = self.wrapped(node.iter)
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in WALKERS:
            node.args = [arg if isinstance(arg, ast.Starred) else self.wrapped(arg) for arg in node.args]
        return node


def compiled(source, path):
    """A module's code with every walk over a snapshot."""
    tree = Walks().visit(ast.parse(source, path))
    return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


def version():
    """Names this way of compiling, in a file's name."""
    with open(os.path.abspath(__file__), "rb") as own:
        return "homeroom" + hashlib.sha256(own.read()).hexdigest()[:12]


class Loader(importlib.machinery.SourceFileLoader):
    """Loads a module of MiniStack compiled by `compiled`."""

    # One for all: the file of this module does not change under a running process.
    kept_as = None

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        kept = importlib.util.cache_from_source(path, optimization=self.kept_as)
        try:
            with open(kept, "rb") as file:
                return marshal.loads(file.read())
        except (OSError, EOFError, ValueError, TypeError):
            code = compiled(self.get_data(path), path)
            keep(kept, marshal.dumps(code))
            return code

    def exec_module(self, module):
        module.__dict__[WALK] = walk
        super().exec_module(module)


def keep(path, data):
    """Writes a file whole or not at all. One that cannot be kept is compiled again next time."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        pass


class Finder(importlib.abc.MetaPathFinder):
    """Gives MiniStack's modules their loader."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] != PACKAGE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


def copied(table, memo, deepcopy=copy.deepcopy):
    """What `copy.deepcopy` does to a dictionary, over a snapshot."""
    result = {}
    memo[id(table)] = result
    for key, value in walk(table.items()):
        result[deepcopy(key, memo)] = deepcopy(value, memo)
    return result


def dump(document, file, **options):
    """`json.dump` by way of `json.dumps`, which takes each table in one piece where `json.dump` walks it in Python."""
    file.write(json.dumps(document, **options))


def install():
    """Sees to it that MiniStack, when it is imported in this process, walks snapshots."""
    if any(name.split(".")[0] == PACKAGE for name in sys.modules):
        raise RuntimeError("MiniStack was imported before its tables were made safe")
    if dict not in copy._deepcopy_dispatch:
        raise RuntimeError("this Python copies dictionaries in a way that homeroom does not know")
    Loader.kept_as = version()
    sys.meta_path.insert(0, Finder())
    copy._deepcopy_dispatch[dict] = copied

    from ministack.core import persistence

    if WALK not in vars(persistence):
        raise RuntimeError("MiniStack was not loaded from its source, so its tables cannot be made safe")
    if persistence.json is not json:
        raise RuntimeError("this MiniStack is not the one that homeroom knows: it saves its state in another way")
    persistence.json = types.SimpleNamespace(**{**vars(json), "dump": dump})


# A module that hides a builtin would change what the rewriting means.
assert all(hasattr(builtins, name) for name in WALKERS)
