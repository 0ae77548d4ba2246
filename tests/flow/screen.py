#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a command on pipes, then on a terminal, and looks for what would command a terminal or deceive who reads it.

  screen.py [--exit N[,N]] [--pipes] [--contains TEXT] -- COMMAND…
  screen.py --each … -- COMMAND…  with each hostile text in the place of @@
  screen.py --each --planted …    is each of them noticed?

What must not be shown: bytes that are no UTF-8, C0 but newline and tab, DEL, C1, line and paragraph separators, and what
Unicode calls Default_Ignorable_Code_Point or Bidi_Control. A terminal's own \\r before \\n is no matter.
"""
import argparse
import os
import pty
import subprocess
import sys
import unicodedata

HOSTILE = [
    b"\x1b[31mred", b"\x1b]0;title\x07", b"\x1b]52;c;cm0gLXJmIH4K\x07", b"\x1b]8;;http://evil\x1b\\link", b"\x1bc", b"a\rb",
    b"a\bb", b"\x07", b"\x7f", b"a\x0cb", "\u009b31m".encode(), "\u0085".encode(), "\u0090q".encode(), "\u202egpj.exe".encode(),
    "\u2066x\u2069".encode(), "\u200b".encode(), "a\u200db".encode(), "\u2028x".encode(), "\ufeff".encode(), "\u061c".encode(),
    "\u00ad".encode(), "\u034f".encode(), "\u3164".encode(), "\ufe0f".encode(), "\U000e0041".encode(), "\U0001d173".encode(),
    b"\x9b31m", b"\xc0\x9b", b"\xe2\x80", b"\xff\xfe", b"\xed\xa0\x9b", b"\xf4\x90\x80\x80",
]
IGNORABLE = [(0xad, 0xad), (0x34f, 0x34f), (0x61c, 0x61c), (0x115f, 0x1160), (0x17b4, 0x17b5), (0x180b, 0x180f),
             (0x200b, 0x200f), (0x202a, 0x202e), (0x2060, 0x206f), (0x3164, 0x3164), (0xfe00, 0xfe0f), (0xfeff, 0xfeff),
             (0xffa0, 0xffa0), (0xfff0, 0xfffb), (0x1bca0, 0x1bca3), (0x1d173, 0x1d17a), (0xe0000, 0xe0fff)]


def faults(data):
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        yield f"no UTF-8 at byte {e.start}: {data[max(0, e.start - 20):e.start + 20]!r}"
        text = data.decode("utf-8", "replace")
    for i, c in enumerate(text):
        if c in "\n\t":
            continue
        if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") or any(a <= ord(c) <= b for a, b in IGNORABLE):
            yield f"U+{ord(c):04X} in {text[max(0, i - 20):i + 20]!r}"


def on_pipes(command):
    p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return p.returncode, p.stdout


def on_terminal(command):
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    shown = b""
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.replace(b"\r\n", b"\n")


def judged(o, command):
    """What is wrong with the run of a command, in all ways that it is shown."""
    bad = []
    for where, run in (("pipes", on_pipes), ("a terminal", on_terminal))[:1 if o.pipes else 2]:
        rc, out = run(command)
        found = list(faults(out))
        if o.exit and str(rc) not in o.exit.split(","):
            found.append(f"exit {rc} instead of {o.exit}: {out[-500:]!r}")
        if o.contains and o.contains.encode() not in out:
            found.append(f"does not say {o.contains}: {out[-1500:]!r}")
        if o.planted:
            found = [] if found else ["nothing is noticed"]
        bad += [f"on {where}: {f}" for f in found[:5]]
    return bad


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--exit")
    p.add_argument("--pipes", action="store_true", help="only: a terminal would be asked")
    p.add_argument("--contains", help="the output must have this: the hostile text came as far as it")
    p.add_argument("--each", action="store_true", help="once with each hostile text in the place of @@")
    p.add_argument("--planted", action="store_true", help="something must be found")
    words = sys.argv[1:]
    at = words.index("--") if "--" in words else len(words)
    o = p.parse_args(words[:at])
    command = [os.fsencode(w) for w in words[at + 1:]]
    bad = 0
    for text in HOSTILE if o.each else [b"@@"]:
        found = judged(o, [w.replace(b"@@", text) for w in command])
        if found:
            print(f"{text!r}:" if o.each else "", *found, sep="\n")
        bad += bool(found)
    if o.each:
        print(f"{len(HOSTILE)} texts")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
