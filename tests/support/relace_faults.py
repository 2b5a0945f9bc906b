#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that answers as it is told, rightly or wrongly, and keeps what was asked.

usage: relace_faults.py [--cert FILE --key FILE]

The first line of the output is the port, on 127.0.0.1. Control:

  PUT /_script   {"GET /v1/repo/a": [ANSWER, ...], "*": [ANSWER, ...]}: forgets record and script before. The answers of a
                 route are given in turn, the last one ever again; "*" is for the routes that are not named.
  GET /_record   [{"method", "path", "headers" (lower-case names), "body", "connection", "at" (seconds)}, ...]

ANSWER (all members may be missing):

  status 200, headers {}, json VALUE | body TEXT | big BYTES
  stall SECONDS   waits before it answers (the request is in the record by then)
  reset "head"    RST when the head was read; "body": RST when all was read; "answer": RST behind half of the answer's body
  cut BYTES       announces the whole body, sends this much and closes
  close true      closes behind the answer, without saying so
  length false    no Content-Length: the end of the connection is the body's
  raw TEXT        sends this in place of an answer and closes
"""
import argparse
import json
import socket
import ssl
import struct
import sys
import threading
import time


class Gone(Exception):
    pass


class Server:
    def __init__(self, context):
        self.context = context
        self.lock = threading.Lock()
        self.script, self.record, self.connections = {}, [], 0

    def set_script(self, script):
        with self.lock:
            self.script = {route: list(answers) for route, answers in script.items()}
            self.record = []

    def next_answer(self, route):
        with self.lock:
            answers = self.script.get(route) or self.script.get("*")
            if not answers:
                return {"status": 404, "json": {"error": "no script for " + route}}
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def note(self, entry):
        with self.lock:
            self.record.append(entry)
            return entry

    def listen(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        print(listener.getsockname()[1], flush=True)
        while True:
            peer, _ = listener.accept()
            self.connections += 1
            threading.Thread(target=self.serve, args=(peer, self.connections), daemon=True).start()

    def serve(self, peer, number):
        try:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                peer = self.context.wrap_socket(peer, server_side=True)
            connection = Connection(self, peer, number)
            while connection.exchange():
                pass
        except (Gone, OSError):
            pass
        finally:
            peer.close()


class Connection:
    def __init__(self, server, peer, number):
        self.server, self.peer, self.number, self.rest = server, peer, number, b""

    def more(self):
        data = self.peer.recv(65536)
        if not data:
            raise Gone
        self.rest += data

    def take(self, size):
        while len(self.rest) < size:
            self.more()
        part, self.rest = self.rest[:size], self.rest[size:]
        return part

    def head(self):
        while b"\r\n\r\n" not in self.rest:
            self.more()
        text, self.rest = self.rest.split(b"\r\n\r\n", 1)
        first, *lines = text.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        return method, path, headers

    def reset(self):
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def send_head(self, status, headers):
        lines = [f"HTTP/1.1 {status} Status"] + [f"{name}: {value}" for name, value in headers.items()]
        self.peer.sendall("\r\n".join(lines + ["", ""]).encode("latin-1"))

    def answer(self, a, with_body):
        if "raw" in a:
            self.peer.sendall(a["raw"].encode("latin-1"))
            return False
        body, headers = a.get("body", "").encode(), {}
        if "json" in a:
            body, headers = json.dumps(a["json"]).encode(), {"Content-Type": "application/json"}
        if "big" in a:
            body = b"x" * a["big"]
        if a.get("length", True):
            headers["Content-Length"] = str(len(body))
        self.send_head(a.get("status", 200), headers | a.get("headers", {}))
        if a.get("reset") == "answer":
            self.peer.sendall(body[: len(body) // 2])
            time.sleep(0.05)
            self.reset()
        if with_body:
            self.peer.sendall(body[: a["cut"]] if "cut" in a else body)
        return "cut" not in a and not a.get("close") and a.get("length", True)

    def control(self, method, path, body):
        if (method, path) == ("PUT", "/_script"):
            self.server.set_script(json.loads(body))
            return self.answer({"status": 204}, True)
        with self.server.lock:
            return self.answer({"json": self.server.record}, True)

    def exchange(self):
        method, path, headers = self.head()
        size = int(headers.get("content-length") or 0)
        if path.startswith("/_"):
            return self.control(method, path, self.take(size))
        entry = self.server.note({"method": method, "path": path, "headers": headers, "body": None,
                                  "connection": self.number, "at": time.monotonic()})
        a = self.server.next_answer(f"{method} {path.partition('?')[0]}")
        if a.get("reset") == "head":
            self.reset()
        entry["body"] = self.take(size).decode("utf-8", "surrogateescape")
        if a.get("reset") == "body":
            self.reset()
        time.sleep(a.get("stall", 0))
        return self.answer(a, method != "HEAD")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cert")
    parser.add_argument("--key")
    options = parser.parse_args()
    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
    Server(context).listen()


if __name__ == "__main__":
    sys.exit(main())
