# SPDX-License-Identifier: Apache-2.0
"""epact in Python, by ctypes: scripts, calls and functions on an own loop, which run() drives.

    with Epact() as e:
        e.function("host.add", lambda a, b: a + b)
        e.start_text("print(require('host').add(1, 2))")
        e.run()

Values cross as None, bool, int, float, str (bytes where it is no UTF-8), list and dict. EPACT_LIBRARY names the library, by
default libepact.so.0. The structs below are those of epact.h, with its names.
"""
import ctypes
import os
import threading
from ctypes import POINTER, Structure, Union, byref, c_char_p, c_double, c_int, c_int64, c_size_t, c_void_p

NIL, BOOL, INTEGER, NUMBER, STRING, LIST, MAP = range(7)
ESCRIPT = -14


class Value(Structure):
    pass


class Pair(Structure):
    pass


class As(Union):
    _fields_ = [("boolean", c_int), ("integer", c_int64), ("number", c_double), ("string", c_void_p),
                ("list", POINTER(Value)), ("map", POINTER(Pair))]


Value._fields_ = [("type", c_int), ("size", c_size_t), ("as_", As)]
Pair._fields_ = [("key", Value), ("value", Value)]


class Failure(Structure):
    _fields_ = [("size", c_size_t), ("code", c_int), ("slug", c_char_p), ("message", c_char_p), ("text", c_char_p),
                ("operation", c_char_p), ("detail", c_char_p), ("request_id", c_char_p), ("traceback", c_char_p),
                ("status", c_int), ("attempts", c_int), ("retryable", c_int), ("maybe_sent", c_int),
                ("retry_after", c_double)]


class Result(Structure):
    _fields_ = [("failure", POINTER(Failure)), ("count", c_size_t), ("values", POINTER(Value))]


DONE = ctypes.CFUNCTYPE(None, c_void_p, POINTER(Result))
FUNCTION = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, POINTER(Value), c_size_t)
LOG = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p)


class Options(Structure):
    """The first members: the library reads as many bytes as `size` says."""
    _fields_ = [("size", c_size_t), ("loop", c_void_p), ("grace_seconds", c_double), ("log_level", c_int), ("log", LOG),
                ("log_arg", c_void_p)]


class EpactError(Exception):
    """code, slug (such as "not_found"), message, operation, detail, status, attempts, retryable, traceback."""

    def __init__(self, failure):
        text = lambda b: b.decode(errors="replace") if b else None
        super().__init__(text(failure.text) or text(failure.message))
        self.code, self.status, self.attempts = failure.code, failure.status, failure.attempts
        self.slug, self.message, self.operation = text(failure.slug), text(failure.message), text(failure.operation)
        self.detail, self.traceback = text(failure.detail), text(failure.traceback)
        self.retryable, self.maybe_sent = bool(failure.retryable), bool(failure.maybe_sent)


def _load():
    lib = ctypes.CDLL(os.environ.get("EPACT_LIBRARY", "libepact.so.0"))
    lib.epact_failure_of.restype = POINTER(Failure)
    lib.epact_version.restype = c_char_p
    lib.epact_open.argtypes = [POINTER(c_void_p), POINTER(Options)]
    lib.epact_start_text.argtypes = [c_void_p, c_char_p, c_size_t, c_char_p, c_int, POINTER(c_char_p)]
    lib.epact_start_file.argtypes = [c_void_p, c_char_p, c_int, POINTER(c_char_p)]
    lib.epact_module.argtypes = [c_void_p, c_char_p, c_char_p, c_size_t]
    lib.epact_call_start.argtypes = [c_void_p, c_void_p, c_char_p, POINTER(Value), c_size_t, DONE, c_void_p]
    lib.epact_register.argtypes = [c_void_p, c_char_p, FUNCTION, c_void_p]
    lib.epact_reply_finish.argtypes = [c_void_p, POINTER(Value), c_size_t]
    lib.epact_reply_fail.argtypes = [c_void_p, POINTER(Failure)]
    lib.epact_close.argtypes = [c_void_p, c_void_p, c_void_p]
    for name in ("run", "cancel", "exit_status", "failure_of", "interrupt"):
        getattr(lib, "epact_" + name).argtypes = [c_void_p]
    for name in ("reply_finish", "reply_fail", "close", "cancel", "interrupt"):
        getattr(lib, "epact_" + name).restype = None
    return lib


_lib = _load()


def _to_c(value, keep):
    """The struct for a Python value; what it points to is put in keep."""
    v = Value(type=NIL)
    if isinstance(value, bool):
        v.type, v.as_.boolean = BOOL, value
    elif isinstance(value, int):
        if not -2**63 <= value < 2**63:
            raise OverflowError("an integer has 64 bits: %d" % value)
        v.type, v.as_.integer = INTEGER, value
    elif isinstance(value, float):
        v.type, v.as_.number = NUMBER, value
    elif isinstance(value, (str, bytes)):
        data = value.encode() if isinstance(value, str) else value
        buffer = ctypes.create_string_buffer(data, len(data) + 1)
        keep.append(buffer)
        v.type, v.size, v.as_.string = STRING, len(data), ctypes.addressof(buffer)
    elif isinstance(value, (list, tuple)):
        v.type, v.size, v.as_.list = LIST, len(value), _array(value, keep)
    elif isinstance(value, dict):
        pairs = (Pair * max(len(value), 1))(*[Pair(_to_c(k, keep), _to_c(x, keep)) for k, x in value.items()])
        keep.append(pairs)
        v.type, v.size, v.as_.map = MAP, len(value), pairs
    elif value is not None:
        raise TypeError("a %s can't cross to a script" % type(value).__name__)
    return v


def _array(values, keep):
    array = (Value * max(len(values), 1))(*[_to_c(v, keep) for v in values])
    keep.append(array)
    return array


def _from_c(v):
    if v.type == STRING:
        data = ctypes.string_at(v.as_.string, v.size)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data
    if v.type == LIST:
        return [_from_c(v.as_.list[i]) for i in range(v.size)]
    if v.type == MAP:
        return {_from_c(v.as_.map[i].key): _from_c(v.as_.map[i].value) for i in range(v.size)}
    return {BOOL: lambda: bool(v.as_.boolean), INTEGER: lambda: v.as_.integer, NUMBER: lambda: v.as_.number}.get(
        v.type, lambda: None)()


class Reply:
    """The answer to a call of a host function, to be finished exactly once, from any thread."""

    def __init__(self, handle):
        self._handle, self._lock = handle, threading.Lock()

    def _take(self):
        with self._lock:
            handle, self._handle = self._handle, None
        if handle is None:
            raise RuntimeError("the reply was finished already")
        return handle

    def finish(self, *values):
        keep = []
        array = _array(values, keep)
        _lib.epact_reply_finish(self._take(), array, len(values))

    def fail(self, error):
        failure = Failure(size=ctypes.sizeof(Failure), code=getattr(error, "code", ESCRIPT),
                          message=(getattr(error, "message", None) or str(error) or type(error).__name__).encode())
        _lib.epact_reply_fail(self._take(), byref(failure))


class Epact:
    """An instance with a loop of its own. log(level, text) is called with its log lines (1 error ... 4 debug)."""

    def __init__(self, log=None, log_level=2):
        self._handle, self._kept, self._calls = c_void_p(), [], {}
        options = Options(size=ctypes.sizeof(Options), log_level=log_level)
        if log:
            options.log = LOG(lambda _, level, text: log(level, text.decode(errors="replace")))
            self._kept.append(options)
        if _lib.epact_open(byref(self._handle), byref(options)):
            raise MemoryError("epact_open failed")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._handle:
            handle, self._handle = self._handle, None
            _lib.epact_close(handle, None, None)

    def _check(self, rc):
        if rc:
            raise EpactError(_lib.epact_failure_of(self._handle).contents)

    def start_text(self, text, name="text", *args):
        data = text.encode()
        argv = (c_char_p * max(len(args), 1))(*[a.encode() for a in args])
        self._check(_lib.epact_start_text(self._handle, data, len(data), name.encode(), len(args), argv))

    def start_file(self, path, *args):
        argv = (c_char_p * max(len(args), 1))(*[a.encode() for a in args])
        self._check(_lib.epact_start_file(self._handle, os.fsencode(path), len(args), argv))

    def module(self, name, text):
        """Gives scripts a module that require(name) loads."""
        data = text.encode()
        self._check(_lib.epact_module(self._handle, name.encode(), data, len(data)))

    def run(self):
        """Runs until the script and all calls have ended. Other threads of Python go on meanwhile."""
        self._check(_lib.epact_run(self._handle))

    def call(self, function, *args, on_done=None):
        """Calls a Lua function beside all else; on_done(values, error) is told once. run() waits for it."""
        def done(_, result):
            self._calls.pop(id(callback), None)
            failure, r = result.contents.failure, result.contents
            if on_done and failure:
                on_done(None, EpactError(failure.contents))
            elif on_done:
                on_done([_from_c(r.values[i]) for i in range(r.count)], None)
        callback, keep = DONE(done), []
        array = _array(args, keep)
        self._check(_lib.epact_call_start(None, self._handle, function.encode(), array, len(args), callback, None))
        self._calls[id(callback)] = callback

    def function(self, name, function, later=False):
        """Gives scripts require("MODULE").NAME for "MODULE.NAME": it answers what function(*args) returns; with later,
        function(reply, *args) keeps the Reply, to finish it from any thread."""
        def called(_, handle, args, nargs):
            reply = Reply(handle)
            try:
                values = [_from_c(args[i]) for i in range(nargs)]
                if later:
                    function(reply, *values)
                else:
                    reply.finish(function(*values))
            except Exception as error:
                reply.fail(error)
        callback = FUNCTION(called)
        self._check(_lib.epact_register(self._handle, name.encode(), callback, None))
        self._kept.append(callback)
