#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Types what stands in a script into terminals, as a person would, and prints what is on the screen.

	typed.py SCRIPT

The script's lines: "# text" is printed as it is; "$ command" is run in a terminal of its own; "> prompt = FILE" behind it:
when the screen shows the prompt, the first line of FILE is typed, which no echo may show; "! command" is run unseen, and
must succeed. Exit status 1: a command did not end, a prompt did not come, or a secret was on the screen.
"""
import os
import pty
import re
import select
import subprocess
import sys
import time

LIMIT = 60


def typed(command, answers):
	pid, fd = pty.fork()
	if pid == 0:
		os.execvp("sh", ["sh", "-c", command])
	shown, seen, end = b"", 0, time.monotonic() + LIMIT
	waiting = list(answers)
	while time.monotonic() < end:
		ready, _, _ = select.select([fd], [], [], 0.2)
		if ready:
			try:
				data = os.read(fd, 65536)
			except OSError:
				break
			if not data:
				break
			shown += data
		if waiting and re.search(waiting[0][0].encode(), shown[seen:]):
			seen = len(shown)
			with open(waiting.pop(0)[1], "rb") as f:
				secret = f.readline().strip()
			time.sleep(0.1)
			os.write(fd, secret + b"\n")
	_, status = os.waitpid(pid, 0)
	text = shown.decode().replace("\r\n", "\n")
	for _, path in answers:
		with open(path, encoding="utf-8") as f:
			if f.readline().strip() in text:
				sys.exit(f"typed.py: {command}: what was typed at a prompt is on the screen")
	if waiting:
		sys.stdout.write(text)
		sys.exit(f"typed.py: {command}: no prompt like {waiting[0][0]}")
	return text, os.waitstatus_to_exitcode(status)


def blocks(lines):
	for line in lines:
		kind, rest = line[:2], line[2:].rstrip("\n")
		if kind == "$ ":
			yield ["$", rest, []]
		elif line.strip():
			yield [kind[0], rest, []]


def main():
	script = []
	with open(sys.argv[1], encoding="utf-8") as f:
		for kind, text, _ in blocks(f):
			if kind == ">":
				script[-1][2].append(text.rsplit(" = ", 1))
			else:
				script.append([kind, text, []])
	for kind, text, answers in script:
		if kind == "#":
			print(f"\n{text}\n" if text else "", flush=True)
		elif kind == "!":
			subprocess.run(["sh", "-c", text], check=True, stdout=subprocess.DEVNULL)
		else:
			print(f"    $ {text}", flush=True)
			out, rc = typed(text, answers)
			for line in out.splitlines():
				print(f"    {line}".rstrip())
			if rc != 0:
				print(f"    (exit status {rc})")


main()
