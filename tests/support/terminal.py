#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program with a terminal of 60 columns, its controlling one and its standard error, and prints what it wrote there.

usage: terminal.py PROGRAM [ARGS]
"""
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

ours, theirs = pty.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
program = subprocess.Popen(sys.argv[1:], stderr=theirs, stdin=subprocess.DEVNULL, start_new_session=True,
                           preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0))
os.close(theirs)
while True:
    try:
        data = os.read(ours, 65536)
    except OSError:  # the end of a terminal
        break
    if not data:
        break
    sys.stdout.buffer.write(data)
sys.stdout.flush()
sys.exit(program.wait())
