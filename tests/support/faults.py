#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP server on raw sockets that answers well, or wrongly in one way: the first segment of a path says how.

usage: faults.py [FOLDER]

FOLDER (empty) gets the throwaway certificates; without it there are no ports for TLS. The first line of the output is JSON: the ports on 127.0.0.1, and the
authority's file. Each path is counted when the head of a request has come: GET /_counts. GET /_log is a list of the requests
that came since the last GET /_log, GET /_server what the server knows: connections, requests now and at most, bytes sent.

ports: http, other (a second origin), https, expired, wronghost (https with such certificates), selfsigned, tls11, stall
(accepts, says nothing), reset (accepts, resets), hole (never completes a connection), proxy, proxy407, closed (nobody there)
"""
import gzip
import json
import os
import random
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import warnings
import zlib

BLOCK = bytes(range(256)) * 256  # 64 KiB, whose bytes tell their place


class State:
    """What one port has seen."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts, self.log, self.order = {}, [], []
        self.connections = self.now = self.most = self.sent = self.handshakes = 0


class Closed(Exception):
    """The connection is over, and closed already or to be closed."""


class Connection:
    """One connection: handlers read from it, and write to it what they like."""

    def __init__(self, sock, state, ports):
        self.sock, self.state, self.ports, self.buffer, self.next = sock, state, ports, b"", None
        with state.lock:
            state.connections += 1
            self.number = state.connections

    # --- bytes ---

    def fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise Closed
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.fill()
        part, self.buffer = self.buffer.split(mark, 1)
        return part

    def exactly(self, size):
        parts, left = [self.buffer], size - len(self.buffer)
        while left > 0:
            data = self.sock.recv(min(left, 1 << 20))
            if not data:
                raise Closed
            parts.append(data)
            left -= len(data)
        whole = b"".join(parts)
        self.buffer = whole[size:]
        return whole[:size]

    def write(self, data):
        self.sock.sendall(data)
        with self.state.lock:
            self.state.sent += len(data)

    def reset(self):
        """Ends the connection with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Closed

    # --- requests ---

    def read_head(self):
        if self.next:  # what the last request ordered for this one
            order, self.next = self.next, None
            self.sock.recv(1, socket.MSG_PEEK)
            if order == "reset":
                self.reset()
            if order == "reset-half":
                self.until(b"\r\n")
                self.reset()
        else:
            order = None
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ", 2)
        self.headers = [[s.strip() for s in line.split(":", 1)] for line in lines[1:]]
        self.path, _, query = self.target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query))
        self.body = None
        if not self.path.startswith("/_"):
            with self.state.lock:
                self.state.counts[self.path] = self.state.counts.get(self.path, 0) + 1
                self.state.log.append(self.describe())
        if order:
            self.read_body()
            raise Closed

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name), None)

    def read_body(self):
        if (self.header("transfer-encoding") or "").lower() == "chunked":
            self.body = b""
            while size := int(self.until(b"\r\n").split(b";")[0], 16):
                self.body += self.exactly(size)
                self.until(b"\r\n")
            self.until(b"\r\n")
        else:
            self.body = self.exactly(int(self.header("content-length") or 0))

    def describe(self):
        return {"method": self.method, "target": self.target, "headers": self.headers, "connection": self.number}

    # --- answers ---

    def head(self, *fields, status=200):
        lines = [f"HTTP/1.1 {status} Words", *fields, "", ""]
        self.write("\r\n".join(lines).encode("latin-1"))

    def answer(self, body=b"", *fields, status=200):
        lines = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body)}", *fields, "", ""]
        self.write("\r\n".join(lines).encode("latin-1") + (b"" if self.method == "HEAD" else body))

    def chunk(self, data):
        self.write(b"%x\r\n%s\r\n" % (len(data), data))

    def endless(self, limit):
        """Bytes up to limit, or until nobody takes them."""
        sent = 0
        while sent < limit:
            part = BLOCK[: min(len(BLOCK), limit - sent)]
            self.write(part)
            sent += len(part)

    def wait_for_end(self):
        """Until the client goes, reading nothing of a body."""
        while self.sock.recv(65536):
            pass
        raise Closed

    def respond(self):
        parts = self.path.split("/")
        name, argument = parts[1].replace("-", "_"), parts[2] if len(parts) > 2 else ""
        handler = getattr(self, "do_" + name, None)
        if not handler:
            self.read_body()
            self.answer(b"no such behaviour", status=404)
            return
        if name not in ("stop_reading", "reset", "reset_upload", "early"):
            self.read_body()
        handler(argument)
        if self.header("connection") == "close":
            raise Closed

    def run(self):
        try:
            while True:
                self.read_head()
                with self.state.lock:
                    self.state.now += 1
                    self.state.most = max(self.state.most, self.state.now)
                try:
                    self.respond()
                finally:
                    with self.state.lock:
                        self.state.now -= 1
        except (Closed, OSError, ValueError):
            pass
        finally:
            self.sock.close()

    # --- behaviours: what works ---

    def do__counts(self, _):
        self.answer(json.dumps(self.state.counts).encode())

    def do__log(self, _):
        with self.state.lock:
            log, self.state.log = self.state.log, []
        self.answer(json.dumps(log).encode())

    def do__server(self, _):
        state = {k: getattr(self.state, k) for k in ("connections", "now", "most", "sent", "handshakes")}
        self.answer(json.dumps(state).encode())

    def do_echo(self, _):
        text = dict(self.describe(), body=self.body.decode("latin-1"))
        self.answer(json.dumps(text).encode(), "Content-Type: application/json")

    def do_count(self, _):
        self.answer(str(len(self.body)).encode())

    def do_status(self, status):
        fields = [f"{k}: {v}" for k, v in self.query.items()]
        if status in ("204", "304"):
            self.head(*fields, status=status)
        else:
            self.answer(b"status " + status.encode(), *fields, status=status)

    def do_bytes(self, size):
        self.head(f"Content-Length: {size}")
        if self.method != "HEAD":
            self.endless(int(size))

    def do_json(self, _):
        self.answer(urllib.parse.unquote(self.query["text"]).encode(), "Content-Type: application/json")

    def do_chunks(self, count):
        self.head("Transfer-Encoding: chunked")
        for i in range(int(count)):
            self.chunk(b"chunk %d;" % i)
        self.write(b"0\r\nTrailer-Field: yes\r\n\r\n")

    def do_headers(self, _):
        self.answer(b"", "X-Twice: one", "x-twice:two", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Empty:", "X-Blank:  a b  ")

    def do_gzip(self, _):
        self.answer(gzip.compress(b"unpacked " * 1000), "Content-Encoding: gzip")

    def do_deflate(self, _):
        self.answer(zlib.compress(b"unpacked " * 1000), "Content-Encoding: deflate")

    def do_wait(self, seconds):
        time.sleep(float(seconds))
        self.answer(b"waited")

    def do_order(self, number):
        """As wait, and remembers in which order the requests began."""
        with self.state.lock:
            self.state.order.append(int(number))
        time.sleep(float(self.query.get("seconds", "0.01")))
        self.answer(b"")

    def do__order(self, _):
        self.answer(json.dumps(self.state.order).encode())

    def do_until_close(self, size):
        self.head("Connection: close")
        self.endless(int(size))
        raise Closed

    # --- connections that end ---

    def do_reset(self, _):
        self.reset()

    def do_reset_upload(self, size):
        """Takes size bytes of the body, then resets."""
        left = int(size)
        while left > 0:
            left -= len(self.buffer)
            self.buffer = b""
            self.fill()
        self.reset()

    def do_close(self, _):
        """After the request was carried out, and without an answer."""
        raise Closed

    def do_reset_after(self, _):
        self.reset()

    def do_reset_head(self, _):
        self.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        time.sleep(0.05)
        self.reset()

    def do_cut_head(self, _):
        self.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        raise Closed

    def do_cut_length(self, _):
        self.head("Content-Length: 100000")
        self.write(b"x" * 1000)
        raise Closed

    def do_reset_body(self, _):
        self.head("Content-Length: 100000")
        self.write(b"x" * 1000)
        time.sleep(0.05)
        self.reset()

    def do_cut_chunked(self, _):
        self.head("Transfer-Encoding: chunked")
        self.chunk(b"x" * 1000)
        raise Closed

    def do_cut_chunk(self, _):
        self.head("Transfer-Encoding: chunked")
        self.write(b"3e8\r\nxxx")
        raise Closed

    def do_cut_json(self, _):
        self.head("Content-Type: application/json", "Connection: close")
        self.write(b'{"items":[1,2,')
        raise Closed

    def do_idle(self, end):
        """Answers, and ends the kept connection: now, or (reset, reset-half, apply) as the next request comes."""
        self.answer(str(self.number).encode())
        if end == "close":
            raise Closed
        if end == "reset-now":
            time.sleep(random.random() * 0.002)
            self.reset()
        self.next = end

    # --- answers that are slow, or never end ---

    def do_never(self, _):
        self.wait_for_end()

    def do_never_body(self, _):
        self.head("Content-Length: 100")
        self.write(b"x" * 10)
        self.wait_for_end()

    def do_stop_reading(self, _):
        time.sleep(float(self.query.get("seconds", "20")))
        raise Closed

    def do_slow(self, size):
        self.head(f"Content-Length: {size}")
        for _ in range(int(size)):
            self.write(b"x")
            time.sleep(float(self.query.get("seconds", "0.5")))

    def do_slow_head(self, seconds):
        for c in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok":
            self.write(bytes([c]))
            time.sleep(float(seconds))

    def do_endless(self, _):
        self.head()
        self.endless(10 << 30)
        raise Closed

    def do_continue_flood(self, count):
        try:
            for _ in range(int(count)):
                self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        finally:
            self.answer(b"at last")

    def do_early(self, _):
        """An answer before the body was read, and the end of the connection."""
        self.answer(b"no", "Connection: close", status=413)
        self.sock.shutdown(socket.SHUT_WR)
        self.wait_for_end()

    # --- answers that are wrong ---

    def do_raw(self, _):
        """What the query's `text` says, and the end."""
        self.write(self.query["text"].encode("latin-1"))
        raise Closed

    def do_garbage(self, _):
        self.write(bytes(range(128, 256)) * 8 + b"\r\n\r\n")
        raise Closed

    def do_http09(self, _):
        self.write(b"<html>an answer without a head</html>\n")
        raise Closed

    def do_big_header(self, kib):
        self.answer(b"", "X-Big: " + "x" * (int(kib) * 1024))

    def do_many_headers(self, count):
        self.answer(b"", *(f"X-Header-{i}: {'x' * 80}" for i in range(int(count))))

    def do_bad_chunk(self, _):
        self.head("Transfer-Encoding: chunked")
        self.write(b"not a number\r\nxxx\r\n")
        raise Closed

    def do_gzip_bomb(self, mib):
        """So many MiB, about 1000 times what is sent."""
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(int(mib))) + packer.flush()
        self.answer(body, "Content-Encoding: gzip", "Content-Type: application/json")

    def do_corrupt_gzip(self, _):
        body = bytearray(gzip.compress(os.urandom(5000)))
        body[100:200] = b"\xff" * 100
        self.answer(bytes(body[:-8]) + b"12345678", "Content-Encoding: gzip")

    def do_not_gzip(self, _):
        self.answer(b"this is not packed at all", "Content-Encoding: gzip")

    def do_cut_gzip(self, _):
        """JSON whose packed bytes end early, with the length that they have."""
        packed = gzip.compress(json.dumps(list(range(5000))).encode())
        self.answer(packed[: len(packed) // 2], "Content-Encoding: gzip")

    def do_encoding(self, name):
        self.answer(b"who knows", f"Content-Encoding: {name}")

    # --- redirects ---

    def do_redirect(self, status):
        self.answer(b"elsewhere", f"Location: {self.query['to']}", status=status)

    def do_loop(self, _):
        self.answer(b"", "Location: /loop", status=302)

    def do_chain(self, left):
        if left == "0":
            self.answer(b"the end")
        else:
            self.answer(b"", f"Location: /chain/{int(left) - 1}", status=302)


class Proxy(Connection):
    """CONNECT, and absolute URLs: all hosts are 127.0.0.1 here. `refuse`: wants a password it never accepts."""

    refuse = False

    def respond(self):
        if self.target.startswith("/"):  # a question to the proxy itself
            Connection.respond(self)
            return
        if self.refuse:
            self.answer(b"", 'Proxy-Authenticate: Basic realm="x"', status=407)
            return
        if self.method == "CONNECT":
            port = self.target.rsplit(":", 1)[1]
        else:
            port = str(urllib.parse.urlsplit(self.target).port or 80)
        with socket.create_connection(("127.0.0.1", int(port))) as far:
            if self.method == "CONNECT":
                self.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                path = "/" + self.target.split("/", 3)[3]
                head = [f"{self.method} {path} HTTP/1.1", *(f"{n}: {v}" for n, v in self.headers), "Via: 1.1 proxy"]
                self.read_body()
                far.sendall("\r\n".join([*head, "Connection: close", "", ""]).encode("latin-1") + self.body)
            self.join(far)

    def join(self, far):
        def pump(a, b):
            try:
                while data := a.recv(65536):
                    b.sendall(data)
                b.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        if self.method == "CONNECT":
            far.sendall(self.buffer)
            threading.Thread(target=pump, args=(self.sock, far), daemon=True).start()
        pump(far, self.sock)
        raise Closed


class Proxy407(Proxy):
    refuse = True


class Resets(Connection):
    def run(self):
        try:
            self.reset()
        except Closed:
            self.sock.close()


class Silent(Connection):
    def run(self):
        try:
            self.wait_for_end()
        except (Closed, OSError):
            self.sock.close()


# --- certificates ---

AUTHORITY = """[ca]
default_ca=x
[x]
database=index.txt
new_certs_dir=.
serial=serial
default_md=sha256
policy=p
copy_extensions=copy
unique_subject=no
[p]
commonName=supplied
"""


def run(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def make_key(name):
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key", "-subj", "/CN=" + name]


def sign(name, host, *dates):
    run("openssl", "req", "-new", *make_key(name), "-addext", "subjectAltName=" + host, "-out", name + ".csr")
    when = dates or ("20200101000000Z", "20990101000000Z")
    run("openssl", "ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-startdate",
        when[0], "-enddate", when[1], "-in", name + ".csr", "-out", name + ".pem")


def make_certificates():
    with open("ca.cnf", "w", encoding="ascii") as f:
        f.write(AUTHORITY)
    with open("serial", "w", encoding="ascii") as f:
        f.write("01\n")
    open("index.txt", "w", encoding="ascii").close()
    run("openssl", "req", "-x509", *make_key("ca"), "-days", "3", "-out", "ca.pem")
    here = "IP:127.0.0.1,DNS:localhost"
    sign("good", here)
    sign("expired", here, "20200101000000Z", "20210101000000Z")
    sign("wronghost", "DNS:elsewhere.test")
    run("openssl", "req", "-x509", *make_key("selfsigned"), "-days", "3", "-addext", "subjectAltName=" + here, "-out",
        "selfsigned.pem")


def context(name):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(name + ".pem", name + ".key")
    return c


def old_context():
    c = context("good")
    c.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        c.minimum_version = c.maximum_version = ssl.TLSVersion.TLSv1_1
    return c


# --- ports ---


def serve(sock, kind, tls, ports):
    state = State()

    def handle(client):
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                client = tls.wrap_socket(client, server_side=True)
                state.handshakes += 1
        except OSError:
            client.close()
            return
        kind(client, state, ports).run()

    while True:
        client, _ = sock.accept()
        threading.Thread(target=handle, args=(client,), daemon=True).start()


def listen(backlog=512):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    sock.listen(backlog)
    return sock


def open_hole():
    """A listening socket whose queue is full: further connections get no answer."""
    sock = listen(0)
    held = [sock]
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(sock.getsockname())
        held.append(s)
    return held


def main():
    parent = os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    threading.stack_size(256 * 1024)
    held = open_hole()
    closed = socket.socket()  # bound, not listening: connections are refused
    closed.bind(("127.0.0.1", 0))
    ports = {"hole": held[0].getsockname()[1], "closed": closed.getsockname()[1]}
    plan = {"http": (Connection, None), "other": (Connection, None), "stall": (Silent, None), "reset": (Resets, None),
            "proxy": (Proxy, None), "proxy407": (Proxy407, None)}
    if len(sys.argv) > 1:
        os.chdir(sys.argv[1])
        make_certificates()
        plan["https"] = Connection, context("good")
        plan["tls11"] = Connection, old_context()
        for name in ("expired", "wronghost", "selfsigned"):
            plan[name] = Connection, context(name)
    for name, (kind, tls) in plan.items():
        sock = listen()
        ports[name] = sock.getsockname()[1]
        threading.Thread(target=serve, args=(sock, kind, tls, ports), daemon=True).start()
    print(json.dumps({"ports": ports, "ca": os.path.abspath("ca.pem")}), flush=True)
    while os.getppid() == parent:  # a test that fails may leave without a word
        time.sleep(0.5)


main()
