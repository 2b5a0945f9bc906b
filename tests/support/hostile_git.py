#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A git server over HTTP that says what no honest one says: it writes the lines of the protocol (version 0) itself.

usage: hostile_git.py REPOSITORY OTHER_URL LOG

REPOSITORY is bare, with a branch main. The first line of the output is the port, on 127.0.0.1; the first segment of a path says
what is said. LOG gets the path of each request and whether it brought a credential.
"""
import http.server
import os
import subprocess
import sys

ESCAPES = b"\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b5n\xc2\x9bK\x08\x00\x0e words"
FLUSH = b"0000"
CAPABILITIES = b"multi_ack_detailed no-done side-band-64k ofs-delta shallow no-progress include-tag allow-tip-sha1-in-want filter agent=git/2.39.5"


def line(data):
    return b"%04x" % (len(data) + 4) + data


def band(number, data):
    return b"".join(line(bytes([number]) + data[i : i + 60000]) for i in range(0, len(data), 60000))


# What a mode adds to the list of refs, as (name, target of HEAD).
REFS = {
    "head-dash": ([b"refs/heads/-x"], b"refs/heads/-x"),
    "head-option": ([b"refs/heads/--upload-pack=touch"], b"refs/heads/--upload-pack=touch"),
    "head-up": ([b"refs/heads/../../../ran"], b"refs/heads/../../../ran"),
    "head-config": ([b"refs/heads/main"], b"refs/heads/../config"),
    "head-line": ([b"refs/heads/a\nb"], b"refs/heads/a\nb"),
    "head-outside": ([b"config", b"hooks/post-checkout"], b"config"),
    "head-escape": ([b"refs/heads/\x1b[2Jx"], b"refs/heads/\x1b[2Jx"),
    "head-loop": ([b"refs/heads/main"], b"HEAD"),
    "head-lock": ([b"refs/heads/main.lock"], b"refs/heads/main.lock"),
    "head-missing": ([b"refs/heads/main"], b"refs/heads/none"),
    "ref-names": ([b"refs/heads/../../hooks/x", b"refs/tags/../../ran", b"/etc/ran", b"refs/heads/a..b", b"FETCH_HEAD",
                   b"refs/heads/" + b"x" * 5000, b"refs/heads/a\x7fb", b"refs/heads/CON", b"../ran"], b"refs/heads/main"),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def git(self, *args, **more):
        env = dict(os.environ, GIT_DIR=self.server.repository)
        return subprocess.run(["git", *args], env=env, stdout=subprocess.PIPE, check=True, **more).stdout

    def reply(self, body, kind="application/x-git-upload-pack-advertisement", headers=(), status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def advertise(self, mode):
        tip = self.git("rev-parse", "main").strip()
        names, head = REFS.get(mode, ([b"refs/heads/main"], b"refs/heads/main"))
        names = sorted(set(names + [b"refs/heads/main"]))
        first = tip + b" HEAD\0" + CAPABILITIES + b" symref=HEAD:" + head + b"\n"
        return line(b"# service=git-upload-pack\n") + FLUSH + line(first) + b"".join(
            line(tip + b" " + name + b"\n") for name in names) + FLUSH

    def endless(self, chunk):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.end_headers()
        self.wfile.write(line(b"# service=git-upload-pack\n") + FLUSH)
        while True:
            self.wfile.write(chunk)

    def refs(self, mode):
        if mode == "error-escape":
            self.reply(line(b"# service=git-upload-pack\n") + FLUSH + line(b"ERR " + ESCAPES))
        elif mode == "plain-escape":
            self.reply(ESCAPES + b"\n", "text/plain", status=403)
        elif mode == "endless-refs":
            self.endless(line(b"0" * 40 + b" refs/heads/" + b"a" * 900 + b"\n") * 100)
        elif mode == "lengths":
            self.reply(line(b"# service=git-upload-pack\n") + FLUSH + b"fffe" + b"x" * 100)
        elif mode == "negative":
            self.reply(line(b"# service=git-upload-pack\n") + FLUSH + b"0001" + b"0003" + b"zzzz")
        elif mode == "bundle":
            self.reply(line(b"# service=git-upload-pack\n") + FLUSH + line(b"version 2\n") + line(b"agent=x\n") + line(b"ls-refs\n") +
                       line(b"fetch=shallow packfile-uris\n") + line(b"bundle-uri\n") + line(b"object-format=sha1\n") + FLUSH)
        elif mode == "sha256":
            self.reply(line(b"# service=git-upload-pack\n") + FLUSH + line(b"version 2\n") + line(b"ls-refs\n") + line(b"fetch\n") +
                       line(b"object-format=evil\n") + FLUSH)
        elif mode == "loop401":
            self.reply(b"no\n", "text/plain", [("WWW-Authenticate", 'Basic realm="%s"' % ("x" * 500))], 401)
        elif mode == "realm":
            self.reply(b"no\n", "text/plain", [("WWW-Authenticate", 'Basic realm="a\tb", Negotiate, NTLM, Digest realm="x", Bearer')], 401)
        elif mode == "cookie":
            self.reply(self.advertise(mode), headers=[("Set-Cookie", "evil=1; path=/"), ("Alt-Svc", 'h2="127.0.0.1:1"'),
                                                      ("Strict-Transport-Security", "max-age=1000")])
        else:
            self.reply(self.advertise(mode))

    def pack(self, mode, body):
        if mode == "bundle":  # version 2: the answer to ls-refs names places to fetch from
            tip = self.git("rev-parse", "main").strip()
            if b"command=bundle-uri" in body:
                self.server.note("bundle-uri asked")
                return line(b"bundle.version=1\n") + line(b"bundle.x.uri=" + self.server.other.encode() + b"/bundle\n") + FLUSH
            if b"command=ls-refs" in body:
                return line(tip + b" HEAD symref-target:refs/heads/main\n") + line(tip + b" refs/heads/main\n") + FLUSH
            return line(b"packfile-uris\n") + line(b"0" * 40 + b" " + self.server.other.encode() + b"/pack\n") + b"0001" + \
                line(b"packfile\n") + band(1, self.objects()) + FLUSH
        answer = line(b"shallow " + self.git("rev-parse", "main").strip() + b"\n") + FLUSH if b"deepen" in body else b""
        if b"0009done" not in body:
            return answer
        answer += line(b"NAK\n")
        if mode == "side-escape":
            return answer + band(2, ESCAPES + b"\n") * 20 + band(3, ESCAPES)
        if mode == "side-progress":
            return answer + band(2, b"Receiving objects: 9\x1b[2J9% (1/\x1b[31m1)\r" + ESCAPES + b"\r") * 50 + band(1, self.objects()) + FLUSH
        if mode == "band-number":
            return answer + band(9, b"x") + FLUSH
        if mode == "no-pack":
            return answer + FLUSH
        if mode == "pack-header":
            return answer + band(1, b"PACK\0\0\0\x02\xff\xff\xff\xff") + FLUSH
        if mode == "pack-trailer":
            return answer + band(1, self.objects()[:-20] + b"\0" * 20) + FLUSH
        if mode == "pack-more":
            return answer + band(1, self.objects() + b"more" * 100) + FLUSH
        if mode == "pack-other":
            return answer + band(1, subprocess.run(["git", "pack-objects", "--stdout", "-q"], input=b"", env=dict(
                os.environ, GIT_DIR=self.server.repository), stdout=subprocess.PIPE, check=True).stdout) + FLUSH
        return answer + band(1, self.objects()) + FLUSH

    def objects(self):
        return self.git("pack-objects", "--stdout", "-q", "--revs", input=b"main\n")

    def dumb(self, rest):
        """A repository for the protocol without a program, which says where else objects are."""
        self.server.note("dumb " + rest)
        if rest.startswith("info/refs"):
            self.reply(self.git("rev-parse", "main").strip() + b"\trefs/heads/main\n", "text/plain")
        elif rest == "HEAD":
            self.reply(b"ref: refs/heads/main\n", "text/plain")
        elif rest in ("objects/info/http-alternates", "objects/info/alternates"):
            self.reply(self.server.other.encode() + b"/objects\n/etc\n../../../../etc\nfile:///etc\n", "text/plain")
        else:
            self.reply(b"none\n", "text/plain", status=404)

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        mode, _, rest = self.path[1:].partition("/")
        rest = rest.partition("/")[2]
        credential = self.headers.get("Authorization")
        self.server.note("%s %s %s" % (self.command, self.path, "with" if credential else "without"))
        if not credential and mode not in ("open", "realm"):
            self.reply(b"no\n", "text/plain", [("WWW-Authenticate", 'Basic realm="x"')], 401)
        elif mode == "dumb":
            self.dumb(rest)
        elif mode == "redirect-pack" and self.command == "POST":
            self.reply(b"", headers=[("Location", self.server.other + self.path)], status=307)
        elif mode == "refresh":
            self.reply(b"", headers=[("Location", self.server.other + self.path), ("Refresh", "0; url=" + self.server.other)], status=301)
        elif self.command == "POST":
            self.reply(self.pack(mode, body), "application/x-git-upload-pack-result")
        else:
            self.refs(mode)

    do_GET = answer
    do_POST = answer


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that has gone

    def note(self, text):
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(text + "\n")


def main():
    server = Server(("127.0.0.1", 0), Handler)
    server.repository, server.other, server.log = sys.argv[1:4]
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
