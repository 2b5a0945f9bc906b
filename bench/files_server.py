# SPDX-License-Identifier: Apache-2.0
"""A server for bench/files.sh: takes the body of a PUT, counts it and forgets it; gives GET as many bytes as the name of the file
says, such as /v1/repo/x/file/1000. Prints its port."""
import json
import re
import socket
import sys
import threading

BLOCK = memoryview(bytes(1 << 20))


def read_head(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(65536)
        if not part:
            return None, b""
        head += part
    head, rest = head.split(b"\r\n\r\n", 1)
    return head.decode("latin-1"), rest


def take(connection, head, rest):
    length = int(re.search(r"(?i)\r\ncontent-length: *(\d+)", head).group(1))
    if re.search(r"(?i)\r\nexpect:", head):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    room, left = bytearray(1 << 20), length - len(rest)
    while left > 0:
        n = connection.recv_into(room)
        if n == 0:
            return
        left -= n
    body = json.dumps({"repo_id": "x", "repo_head": "0" * 40, "changed_files": [str(length)]}).encode()
    connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def give(connection, head):
    left = int(head.split(" ", 2)[1].rsplit("/", 1)[1])
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % left)
    while left > 0:
        n = min(left, len(BLOCK))
        connection.sendall(BLOCK[:n])
        left -= n


def serve(connection):
    with connection:
        try:
            while True:
                head, rest = read_head(connection)
                if head is None:
                    return
                if head.startswith("PUT "):
                    take(connection, head, rest)
                else:
                    give(connection, head)
        except OSError:
            pass


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
