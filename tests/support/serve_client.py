# SPDX-License-Identifier: Apache-2.0
"""The client of tests/unit/serve_test.c: serve_client.py WHAT PORT. Ends with 0 when all is as it should be.
tests/lua/serve_test.lua imports it for its functions."""
import http.client
import socket
import struct
import sys
import threading
import time

PORT = int(sys.argv[2])


def connect():
    return http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)


def raw(data=b""):
    s = socket.create_connection(("127.0.0.1", PORT), timeout=20)
    s.sendall(data)
    return s


def rest(s):
    out = b""
    while True:
        try:
            part = s.recv(65536)
        except ConnectionResetError:
            return out
        if not part:
            return out
        out += part


def get(path, method="GET", body=None, headers={}, c=None):
    own = c is None
    c = c or connect()
    c.request(method, path, body=body, headers=headers)
    r = c.getresponse()
    data = r.read()
    if own:
        c.close()
    return r.status, data, r


def equal(got, expected):
    if got != expected:
        raise AssertionError("got %r, expected %r" % (got, expected))


def simple():
    equal(get("/a%2Fb%00/../c?x=%20&y#z")[:2], (200, b"GET /a%2Fb%00/../c?x=%20&y#z 0"))
    status, data, r = get("/", "POST", b"12345")
    equal(data, b"POST /? 5")
    equal(r.getheader("content-type"), "text/plain")
    equal(get("/drop")[0], 500)


def keep_alive():
    c = connect()
    c.connect()
    c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = c.sock.getsockname()[1]
    slowest = 0
    for i in range(1000):
        start = time.monotonic()
        equal(get("/%d" % i, c=c)[1], b"GET /%d? 0" % i)
        slowest = max(slowest, time.monotonic() - start)
        equal(get("/", "POST", b"x" * i, c=c)[1], b"POST /? %d" % i)
    equal(c.sock.getsockname()[1], port)
    if slowest > 0.5:
        raise AssertionError("a request took %f s" % slowest)
    c.close()


def pipelined():
    s = raw(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(50)) +
            b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" +
            b"GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    data = rest(s)
    places = [data.find(b"GET /%d? 0" % i) for i in range(50)] + [data.find(b"POST /p? 3"), data.find(b"GET /end? 0")]
    equal(places, sorted(places))
    equal(places[0] > 0, True)


def many():
    socks = [raw(b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\na" % i) for i in range(200)]
    for s in socks:
        s.sendall(b"b")
    for i, s in enumerate(socks):
        equal(rest(s).endswith(b"POST /%d? 2" % i), True)


def uploads():
    big = b"z" * (20 << 20)
    equal(get("/", "PUT", big)[1], b"PUT /? %d" % len(big))

    def chunks():
        for i in range(1000):
            yield b"y" * i
    c = connect()
    c.request("PUT", "/c", body=chunks(), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    equal(c.getresponse().read(), b"PUT /c? %d" % sum(range(1000)))
    s = raw(b"PUT /e HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
    equal(s.recv(1000), b"HTTP/1.1 100 Continue\r\n\r\n")
    s.sendall(b"12345")
    equal(rest(s).endswith(b"PUT /e? 5"), True)
    s = raw(b"PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n")
    for c in b"slow!":
        time.sleep(0.02)
        s.sendall(bytes([c]))
    equal(rest(s).endswith(b"PUT /slow? 5"), True)
    s = raw(b"PUT /empty HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n")
    equal(rest(s).endswith(b"PUT /empty? 0"), True)


def streams():
    for n in (0, 1, 65536, 5000000):
        equal(len(get("/stream?%d" % n)[1]), n)
    s = raw(b"GET /stream?3000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    time.sleep(0.2)  # a slow reader: the server waits
    equal(rest(s).count(b"x") >= 3000000, True)
    s = raw(b"GET /stream?100 HTTP/1.0\r\n\r\n")
    head, body = rest(s).split(b"\r\n\r\n", 1)
    equal(len(body), 100)


def head():
    c = connect()
    for path in ("/abc", "/stream?10", "/stream?10000000"):
        status, data, r = get(path, "HEAD", c=c)
        equal((status, data), (200, b""))
        equal(get("/after", c=c)[1], b"GET /after? 0")
    c.close()
    s = raw(b"HEAD /stream?10 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    data = rest(s)
    equal((data.count(b"\r\n\r\n"), data.endswith(b"\r\n\r\n")), (1, True))


def refusals():
    equal(rest(raw(b"GET / HTTP/1.1\r\n\r\n"))[:12], b"HTTP/1.1 400")
    equal(rest(raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"))[:12],
          b"HTTP/1.1 400")
    equal(rest(raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"))[:12], b"HTTP/1.1 400")
    equal(rest(raw(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"))[:12], b"HTTP/1.1 501")
    equal(rest(raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\n"))[:12], b"HTTP/1.1 400")
    equal(rest(raw(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"))[:12], b"HTTP/1.1 400")
    rest(raw(b"\x16\x03\x01 not http\r\n\r\n"))
    big = b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 40000 + b"\r\n\r\n"
    equal(rest(raw(big))[:12], b"HTTP/1.1 431")
    equal(get("/alive")[0], 200)


def peer_gone():
    for reset in (False, True):
        for data in (b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + b"a" * 300000,
                     b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n",
                     b"GET /stream?50000000 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HT", b"GET /drop HTTP/1.1\r\nHost: x\r\n\r\n"):
            s = raw(data)
            time.sleep(0.02)
            if reset:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
    time.sleep(0.05)
    equal(get("/alive")[0], 200)


def early():
    c = connect()
    equal(get("/early", "POST", b"x" * 1000000, c=c)[1], b"POST /early? 0")
    equal(get("/early", "POST", b"x" * 10, c=c)[1], b"POST /early? 0")
    c.close()
    s = raw(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    equal(rest(s)[:12], b"HTTP/1.1 200")


def idle():
    waiting = [raw(), raw(b"GET / HTTP/1.1\r\n"), raw(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")]
    start = time.monotonic()
    for s in waiting:
        rest(s)
    if not 0.9 < time.monotonic() - start < 3:
        raise AssertionError("closed after %f s" % (time.monotonic() - start))


def limits():
    equal(get("/ok", headers={"A": "a" * 3000})[0], 200)
    equal(get("/no", headers={"A": "a" * 4100})[0], 431)
    equal(get("/early", "POST", b"x" * 50000)[0], 200)
    s = raw(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n")
    equal(rest(s)[:12], b"HTTP/1.1 200")
    five = [raw(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n") for i in range(5)]
    for s in five:
        equal(s.recv(1000)[:12], b"HTTP/1.1 200")
    sixth = raw(b"GET /6 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    sixth.settimeout(0.2)
    try:
        sixth.recv(1)
        raise AssertionError("a sixth connection was served")
    except socket.timeout:
        pass
    five[0].close()
    sixth.settimeout(20)
    equal(rest(sixth)[:12], b"HTTP/1.1 200")


if __name__ == "__main__" and sys.argv[0] != "-c":
    globals()[sys.argv[1]]()
