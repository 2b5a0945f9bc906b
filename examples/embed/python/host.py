# SPDX-License-Identifier: Apache-2.0
"""A host in Python: functions for scripts, at once and from a thread, and a call of a Lua function.

    EPACT_LIBRARY=/usr/lib/libepact.so.0 python3 host.py
"""
import threading

from epact import Epact, EpactError

SCRIPT = """
local host, task = require "host", require "epact.task"
print("sum", host.add(20, 22))
print("slow", host.slow("words from a thread"))
local ok, err = pcall(host.fail)
print("fail", ok, err.message)
function report(t) task.sleep(0.01) return { total = #t.items, name = t.name } end
"""


def fail():
    raise LookupError("there is no such thing")


def slow(reply, text):
    threading.Timer(0.02, reply.finish, [text]).start()


with Epact(log=lambda level, text: print("log", level, text)) as e:
    e.function("host.add", lambda a, b: a + b)
    e.function("host.fail", fail)
    e.function("host.slow", slow, later=True)
    e.start_text(SCRIPT, "host")
    e.run()
    e.call("report", {"name": "b", "items": [1, 2, 3]},
           on_done=lambda values, error: print("report", values[0]["name"], values[0]["total"]))
    e.run()
    try:
        e.start_text("error 'as expected'")
        e.run()
    except EpactError as error:
        print("error", error.message)
