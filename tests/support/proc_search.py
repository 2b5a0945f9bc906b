#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Searches the arguments and environments of all processes for a secret, over and over.

Reads the secret as the first line of its input, says "ready", and searches until its input ends; then prints how often it
looked through all processes, how often it saw a git-remote-http, and each finding.
"""
import base64
import glob
import os
import sys
import threading


def search(needles):
    seen, found = 0, set()
    for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                text = file.read()
        except OSError:
            continue
        seen += path.endswith("cmdline") and b"git-remote-http" in text
        if any(needle in text for needle in needles):
            found.add(os.path.basename(path) + ": " + text[:40].decode(errors="replace").replace("\0", " "))
    return seen, found


def main():
    secret = sys.stdin.readline().rstrip("\n").encode()
    needles = [secret, base64.b64encode(b"token:" + secret)[: len(secret)]]
    end = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), end.set()), daemon=True).start()
    print("ready", flush=True)
    rounds, seen, found = 0, 0, set()
    while not end.is_set():
        more, new = search(needles)
        rounds, seen, found = rounds + 1, seen + more, found | new
    print(rounds, seen)
    for line in sorted(found):
        print(line)


if __name__ == "__main__":
    main()
