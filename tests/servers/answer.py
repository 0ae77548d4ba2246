#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a command on a terminal of its own and types a file's first line when it is asked for the PIN, once.

  answer.py FILE -- COMMAND…      prints what was on the terminal; the exit status is the command's, 99 if it did not ask
"""
import os
import pty
import re
import select
import sys
import termios
import time


def main():
    at = sys.argv.index("--")
    with open(sys.argv[1], "rb") as f:
        pin = f.read().split(b"\n")[0]
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(sys.argv[at + 1], sys.argv[at + 1:])
    shown, asked, end = b"", False, time.time() + 40
    while time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            shown += data
        if not asked and re.search(rb"(PIN|pass ?phrase|password)[^\r\n]*: *$", shown):
            for _ in range(25):  # the program turns the echo off
                if not termios.tcgetattr(fd)[3] & termios.ECHO:
                    break
                time.sleep(0.02)
            asked = True
            os.write(fd, pin + b"\n")
    else:
        os.kill(pid, 9)
    _, status = os.waitpid(pid, 0)
    sys.stdout.buffer.write(shown)
    if not asked:
        sys.exit(99)
    if pin in shown:
        print("the PIN was shown")
        sys.exit(98)
    sys.exit(os.waitstatus_to_exitcode(status))


main()
