#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Are wrong words refused before anybody is asked, and by --dry-run with the same code?

  early.py FIRST <TABLE          claims of TAP from number FIRST on; on standard error how many
  early.py --answer A,B COMMAND  what it shows on a terminal where these are typed (^C interrupts), and its exit code

A row is "CODE [dry] | COMMAND", in sh's quoting. The command is run on a terminal on which nobody answers, then without one
(with --dry-run, where the row says dry). A prompt is a line that is not ended and ends with a colon.
"""
import os
import pty
import select
import shlex
import subprocess
import sys

IDLE = 0.3  # a line that is not ended for so long is a prompt


def on_terminal(command, answers=()):
    """Its exit code and what it showed; -1: somebody was asked for whom there is no answer."""
    answers = list(answers)
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    shown = b""
    while True:
        asks = shown[-2:] == b": "
        if asks and not select.select([fd], [], [], IDLE)[0]:
            if answers:
                shown += b"\n"
                os.write(fd, answers.pop(0))
                continue
            os.close(fd)
            os.waitpid(pid, 0)
            return -1, shown
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    return code, shown


def without(command):
    p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                       start_new_session=True)
    return p.returncode, p.stdout


def talk(answers, command):
    typed = [b"\x03" if a == "^C" else a.encode() + b"\n" for a in answers.split(",")]
    code, shown = on_terminal(command, typed)
    sys.stderr.write(shown.decode().replace("\r", ""))
    return code if code >= 0 else 99


def main():
    if sys.argv[1] == "--answer":
        return talk(sys.argv[2], sys.argv[3:])
    n = int(sys.argv[1])
    bad = 0
    for line in sys.stdin:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        head, words = line.split(" | ", 1)
        code, dry = int(head.split()[0]), "dry" in head
        command = ["ykenroll"] + shlex.split(words)
        runs = [("a terminal", on_terminal(command)), ("nobody", without(command + ["--dry-run"] if dry else command))]
        wrong = [f"on {where}: {'somebody was asked' if rc < 0 else f'exit {rc}'}: {out[-300:]!r}"
                 for where, (rc, out) in runs if rc != code]
        print(f"{'not ok' if wrong else 'ok'} {n} - {'--dry-run ends as the run: ' if dry else ''}{words} (exit {code})")
        for w in wrong:
            print(f"# {w}")
        n += 1
        bad += bool(wrong)
    print(n - 1, file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
