#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A git server over HTTP that answers well, or wrongly in one way: git http-backend behind a small front.

usage: git_server.py ROOT [--token TOKEN | --token-file FILE] [--log FILE] [--redirect URL]
                     [--tls-certificate FILE --tls-key FILE]

ROOT holds bare repositories. The first line of the output is the port, on 127.0.0.1. The first segment of a path says how it
is answered, the rest is the repository below ROOT: http://127.0.0.1:PORT/ok/name.git

  ok       Basic authentication with the user "token" and TOKEN; 401 with WWW-Authenticate without
  open     no authentication
  bare401  401 without WWW-Authenticate
  hidden   as ok, but 404 for another credential
  deny     401 with WWW-Authenticate, whatever is sent
  NNN      this status, after authentication
  packNNN  this status for the pack alone
  redirect 302 to URL + the path
  silent   no answer
  stall    the first half of the pack, then nothing
  drip     the pack, a byte each half second
  cut      the first half of the pack, then the end of the connection
  damage   the pack with changed bytes
  html     200 and a page

The log gets a line of JSON for each request: method, path, user, password.
"""
import argparse
import base64
import http.server
import json
import os
import ssl
import subprocess
import sys
import threading
import time

REALM = ("WWW-Authenticate", 'Basic realm="git"')


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def credential(self):
        header = self.headers.get("Authorization", "")
        if not header.startswith("Basic "):
            return None, None
        user, _, password = base64.b64decode(header[6:]).decode().partition(":")
        return user, password

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def reply(self, status, headers=(), body=b"text\n"):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def backend(self, path, query, body):
        env = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": self.server.root, "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query, "REMOTE_USER": "token",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.environ.get("GIT_CONFIG_GLOBAL", "/dev/null"),
        }
        out = subprocess.run(["git", "http-backend"], env=env, input=body, stdout=subprocess.PIPE, check=False).stdout
        head, _, content = out.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if ": " in line]
        status = next((int(v.split()[0]) for n, v in headers if n == "Status"), 200)
        return status, [(n, v) for n, v in headers if n != "Status"], content

    def send_part(self, headers, content, part):
        self.send_response(200)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(part)
        self.wfile.flush()

    def serve_git(self, mode, path, query, body):
        status, headers, content = self.backend(path, query, body)
        is_pack = b"PACK" in content
        self.server.note(path=path, sent=len(content))
        half = content[: len(content) // 2]
        if is_pack and mode == "damage":
            at = content.index(b"PACK") + 60
            content = content[:at] + bytes(b ^ 255 for b in content[at : at + 20]) + content[at + 20 :]
        if is_pack and mode in ("stall", "cut", "drip"):
            self.send_part(headers, content, half if mode != "drip" else b"")
            for i in range(len(content) if mode == "drip" else 0):
                self.wfile.write(content[i : i + 1])
                time.sleep(0.5)
            if mode == "stall":
                time.sleep(600)
            self.close_connection = True
            return
        self.reply(status, headers, content)

    def answer(self):
        path, _, query = self.path.partition("?")
        body = self.read_body()
        user, password = self.credential()
        self.server.note(method=self.command, path=self.path, user=user, password=password)
        _, mode, rest = path.split("/", 2)
        granted = (user, password) == ("token", self.server.token)
        if mode == "silent":
            time.sleep(600)
        elif mode == "bare401":
            self.reply(401)
        elif mode == "hidden" and user is not None and not granted:
            self.reply(404)
        elif mode == "deny" or (mode != "open" and mode != "redirect" and not granted):
            self.reply(401, [REALM])
        elif mode == "redirect":
            self.reply(302, [("Location", self.server.redirect + "/" + rest + ("?" + query if query else ""))])
        elif mode.isdigit():
            self.reply(int(mode))
        elif mode.startswith("pack") and self.command == "POST" and b"command=fetch" in body:
            self.reply(int(mode[4:]))
        elif mode == "html":
            self.reply(200, [("Content-Type", "text/html")], b"<html>\n<p>hello</p>\n</html>\n")
        else:
            self.serve_git(mode, "/" + rest, query, body)

    def do_CONNECT(self):
        self.server.note(method="CONNECT", path=self.path, user=None, password=None)
        self.reply(502)

    do_GET = answer
    do_POST = answer


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a client that has gone

    def note(self, **entry):
        if self.log:
            with self.lock, open(self.log, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--token", default="")
    parser.add_argument("--token-file")
    parser.add_argument("--log")
    parser.add_argument("--redirect", default="")
    parser.add_argument("--tls-certificate")
    parser.add_argument("--tls-key")
    options = parser.parse_args()
    server = Server(("127.0.0.1", 0), Handler)
    server.lock = threading.Lock()
    server.root, server.token, server.log = os.path.abspath(options.root), options.token, options.log
    server.redirect = options.redirect
    if options.token_file:
        with open(options.token_file, encoding="utf-8") as file:
            server.token = file.read().strip()
    if options.tls_certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.tls_certificate, options.tls_key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
