#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Looks for secrets where they must not be. Used by secrets.sh.

  run      run a command under strace, on pipes or on a terminal, and judge what it did
  judge    judge runs that are over, for values that were not known then
  files    look through files and directories
  memory   say in which mappings of a process a value is, and how these are locked
  verbs    what the program's help offers: a line "VERB --option=SPEC …" each
  covered  is there a run that succeeded and one that failed for each verb, and one for each SPEC

A canary is a file: its name is what it is called here, its first line the value. A name that begins with "mgm" is a key in
hexadecimal. A run may be judged only if strace showed bytes: a pointer where bytes should be is a finding too, and so is a
way of writing that strace does not show.
"""
import argparse
import base64
import codecs
import hashlib
import json
import os
import pty
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import termios
import time

OUTPUTS = (("out", "stdout"), ("err", "stderr"), ("tty", "terminal"))
PCSCD = b"/run/pcscd/pcscd.comm"
TIMEOUT = 120
READS = {"read", "pread64", "readv", "preadv", "preadv2", "recvfrom", "recvmsg", "recvmmsg"}
WRITES = {"write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg"}
NAMES = {"execve", "execveat", "openat", "open", "creat", "connect", "bind", "rename", "renameat", "renameat2", "link",
         "linkat", "symlink", "symlinkat", "mkdir", "mkdirat", "mknodat", "unlink", "unlinkat", "prctl", "setxattr",
         "fsetxattr"}
BLIND = {"sendfile", "splice", "vmsplice", "tee", "copy_file_range", "process_vm_writev", "io_uring_setup", "memfd_create",
         "shmat", "mq_timedsend", "msgsnd"}
CALLS = READS | WRITES | NAMES | BLIND | {"mmap", "setrlimit", "prlimit64", "socketpair"}

STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"(\.\.\.)?', re.S)


# ---- what a secret may look like ----

def aligned_base64(data, alphabet):
    """The characters that only data decides, at each of the three places where it can begin."""
    for lead in range(3):
        text = base64.b64encode(b"\0" * lead + data, alphabet)
        first = -(-lead * 8 // 6)
        last = (lead + len(data)) * 8 // 6
        yield text[first:last]


def forms(value):
    yield "as it is", value
    yield "reversed", value[::-1]
    for enc in ("utf-16-le", "utf-16-be"):
        yield enc, value.decode("latin-1").encode(enc)
    digits = value.hex().encode()
    pairs = [digits[i:i + 2] for i in range(0, len(digits), 2)]
    for how, text in (("hex", digits), ("hex spaced", b" ".join(pairs)), ("hex with colons", b":".join(pairs)),
                      ("hex with 0x", b", 0x".join(pairs))):
        yield how, text
        yield how, text.upper().replace(b"0X", b"0x")
    yield "hex reversed", digits[::-1]
    for alphabet in (b"+/", b"-_"):
        for text in aligned_base64(value, alphabet):
            yield "base64", text
    for algorithm in ("md5", "sha1", "sha256", "sha512"):
        digest = hashlib.new(algorithm, value).digest()
        yield algorithm, digest
        yield algorithm, digest.hex().encode()


def canaries(directory):
    """[(name, form, needle, its first four bytes)], each needle once."""
    found = {}
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), "rb") as f:
            value = f.read().split(b"\n")[0]
        if len(value) < 6:
            sys.exit(f"{name} is too short to be told from chance")
        values = [value]
        if name.startswith("mgm"):
            values = [value.lower(), value.upper(), bytes.fromhex(value.decode())]
        for v in values:
            for form, needle in forms(v):
                found.setdefault((name, needle), form)
    return [(name, form, needle, int.from_bytes(needle[:4], sys.byteorder)) for (name, needle), form in found.items()]


def fours(data):
    """Whatever four bytes stand in data one behind the other, as numbers."""
    found = set()
    for lead in range(4):
        found.update(memoryview(data)[lead:lead + (len(data) - lead) // 4 * 4].cast("I"))
    return found


def look(needles, data):
    """{(name, form)} of what is in data. There are 700 needles, and where much is to be searched few of them can begin."""
    if len(data) > 1000:
        there = fours(data)
        needles = [n for n in needles if n[3] in there]
    return {(name, form) for name, form, needle, _ in needles if needle in data}


# ---- what strace says ----

def unescape(text):
    return codecs.escape_decode(text)[0] if b"\\" in text else text


class Call:
    """One line: name, strings in order, and the rest with each string as an S."""

    def __init__(self, line):
        self.strings, self.cut = [], False

        def take(m):
            self.strings.append(unescape(m.group(1)))
            self.cut = self.cut or m.group(2) is not None
            return b"S"
        self.rest = STRING.sub(take, line)
        m = re.match(rb"(\w+)\(", self.rest)
        self.name = m.group(1).decode() if m else ""
        m = re.match(rb"\w+\((\d+)(?:<([^>]*)>)?", self.rest)
        self.fd = int(m.group(1)) if m else None
        self.to = (m.group(2) or b"").decode("utf-8", "replace") if m else ""
        m = re.search(rb"= (-?\d+)", self.rest[self.rest.rfind(b")"):])
        self.result = int(m.group(1)) if m else None

    def lists(self):
        """The strings of execve: path, argv, environment."""
        parts, at = [], 0
        for piece in re.sub(rb"^\w+\(", b"", self.rest).split(b", ["):
            n = piece.count(b"S")
            parts.append(self.strings[at:at + n])
            at += n
        return (parts + [[], [], []])[:3]


class Run:
    """Traces and outputs of one run."""

    def __init__(self, directory):
        self.dir = directory
        self.traces = []
        for name in sorted(os.listdir(directory)):
            if not name.startswith("trace."):
                continue
            with open(os.path.join(directory, name), "rb") as f:
                lines = f.read().split(b"\n")
            self.traces.append((name, [Call(line) for line in lines if line and not line.startswith(b"+++ ")]))
        self.pcscd = {c.to for _, calls in self.traces for c in calls
                      if c.name == "connect" and c.strings and c.strings[0] == PCSCD}
        # no name leads there: only who made it, and whom that has started, have an end of it
        self.pairs = {end for _, calls in self.traces for c in calls if c.name == "socketpair"
                      for end in re.findall(r"socket:\[\d+\]", c.rest.decode("utf-8", "replace"))}

    def to_pcscd(self, call):
        return call.name in WRITES and call.to in self.pcscd


def programs(directory):
    """(argv, exit status) of what a run has started: the rest of its traces is not taken apart."""
    for name in os.listdir(directory):
        if not name.startswith("trace."):
            continue
        with open(os.path.join(directory, name), "rb") as f:
            data = f.read()
        m = re.search(rb"^\+\+\+ exited with (\d+)", data, re.M)
        for line in re.findall(rb"^execve\(.*", data, re.M):
            c = Call(line)
            if c.result == 0:
                yield [a.decode("utf-8", "replace") for a in c.lists()[1]], m and int(m.group(1))


def channel(run, call):
    for name, what in OUTPUTS:
        if call.to == os.path.join(run.dir, name):
            return what
    if call.to.startswith("/dev/tty") or call.to.startswith("/dev/pts"):
        return "terminal"
    if call.to in run.pairs:
        return "own child"
    if call.to.startswith(("socket:", "pipe:")):
        return call.to.split(":")[0]
    return "file " + call.to


def blind_spot(call):
    """Why this call cannot be judged, or None."""
    if call.cut:
        return f"{call.name}: strace cut a string"
    if call.name in WRITES and call.result != -1 and \
            re.search(rb"^\w+\(\d+(<[^>]*>)?, 0x|iov_base=0x|msg_iov=0x", call.rest):
        return f"{call.name}: strace shows a pointer where bytes should be"
    if call.name in BLIND and call.result is not None and call.result >= 0:
        return f"{call.name} writes what strace does not show"
    if call.name == "mmap" and b"MAP_SHARED" in call.rest and b"PROT_WRITE" in call.rest and b"<" in call.rest and \
            not re.search(rb"-shm>", call.rest):
        return "a shared mapping of a file is written to"
    return None


def outside(call, dirs):
    """A file that is opened for writing where nobody will look."""
    if call.name not in ("openat", "open", "creat") or call.result is None or call.result < 0:
        return None
    if call.name != "creat" and not re.search(rb"O_WRONLY|O_RDWR", call.rest):
        return None
    m = re.search(rb"= \d+<([^>]*)>", call.rest)
    path = m.group(1).decode("utf-8", "replace") if m else ""
    if re.match(r"/dev/(tty|pts/\d+|null)$|/proc/|socket:|pipe:", path) or any(path.startswith(d + "/") for d in dirs):
        return None
    return path


def judge_trace(run, needles, dirs):
    for trace, calls in run.traces:
        streams, early, execs, safe = {}, {}, False, False
        for c in calls:
            why = blind_spot(c)
            if why:
                yield "blind", "nothing", why
            path = outside(c, dirs) if dirs else None
            if path:
                yield "elsewhere", "nothing", path
            if c.name == "execve":
                execs, safe = True, False
                _, argv, env = c.lists()
                for where, words in (("argv", argv), ("environ", env)):
                    for name, form in look(needles, b"\0".join(words)):
                        yield where, name, form
            elif c.name == "prctl" and b"PR_SET_DUMPABLE" in c.rest:
                safe = b"SUID_DUMP_DISABLE" in c.rest and c.result == 0
            elif c.name in READS:
                if execs and not safe:
                    early.setdefault(c.fd, []).extend(c.strings)
            elif c.name in WRITES and not run.to_pcscd(c):
                key = channel(run, c)
                streams.setdefault(key, []).extend(c.strings)
            elif c.name in NAMES:
                for name, form in look(needles, b"\0".join(c.strings)):
                    yield "name", name, f"{c.name} ({form})"
        for parts in early.values():
            for name, form in look(needles, b"".join(parts)):
                yield "core", name, f"read while the process can be dumped ({form})"
        for key, parts in streams.items():
            for name, form in look(needles, b"".join(parts)):
                yield key, name, form


class Clean:
    """What was looked through in an earlier run, had nothing in it, and was not touched since: the kernel says so, by a time
    that nobody else can set. It need not be read again for each of 200 runs."""

    def __init__(self, path):
        self.path, self.known = path, {}
        if os.path.exists(path):
            with open(path) as f:
                self.known = json.load(f)

    @staticmethod
    def mark(st):
        return [st.st_dev, st.st_ino, st.st_size, st.st_ctime_ns]

    def has(self, path, st):
        return self.known.get(path) == self.mark(st)

    def add(self, path, st):
        # the time has a grain, and who maps a file writes to it without another one
        if time.time_ns() - st.st_ctime_ns > 10**9 and not path.endswith("-shm"):
            self.known[path] = self.mark(st)

    def save(self):
        with open(self.path, "w") as f:
            json.dump(self.known, f)


def judge_files(paths, needles, what="file ", clean=None):
    for top in filter(os.path.lexists, paths):
        if not os.path.isdir(top):
            found = [top]
        else:
            found = [os.path.join(d, n) for d, subdirs, files in os.walk(top) for n in subdirs + files]
        for path in found:
            for name, form in look(needles, os.fsencode(path)):
                yield "name", name, form
            st = os.lstat(path)
            if stat.S_ISLNK(st.st_mode):
                data = os.fsencode(os.readlink(path))
            elif not stat.S_ISREG(st.st_mode) or (clean and clean.has(path, st)):
                continue
            else:
                with open(path, "rb") as f:
                    data = f.read()
            found_here = look(needles, data)
            if clean and not found_here and stat.S_ISREG(st.st_mode):
                clean.add(path, st)
            for name, form in found_here:
                yield what + path, name, form


def judge(run, needles, dirs):
    yield from judge_trace(run, needles, dirs)
    for name, what in OUTPUTS:
        path = os.path.join(run.dir, name)
        if os.path.exists(path):
            for _, canary, form in judge_files([path], needles):
                yield what, canary, form


def seen(run, needles, name, where):
    """The positive control: was this value read, or sent to pcscd, as strace saw it?"""
    raw = [n for n in needles if n[:2] == (name, "as it is")]
    parts = {}
    for trace, calls in run.traces:
        for c in calls:
            if (where == "read" and c.name in READS) or (where == "sent" and run.to_pcscd(c)):
                parts.setdefault((trace, c.fd), []).extend(c.strings)
    return any(look(raw, b"".join(p)) for p in parts.values())


# ---- running ----

def traced(run, command):
    return ["strace", "-ff", "--seccomp-bpf", "-q", "-v", "-y", "-s", "1048576", "-o", os.path.join(run, "trace"), "-e",
            "trace=" + ",".join("?" + c for c in sorted(CALLS)), "-e", "signal=none", "--"] + command


def on_pipes(directory, command):
    with open(os.path.join(directory, "out"), "wb") as out, open(os.path.join(directory, "err"), "wb") as err:
        return subprocess.run(["timeout", "-k", "5", str(TIMEOUT)] + command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                              close_fds=False, check=False).returncode


def wait_for_silence(fd):
    """What is typed before the program has put the echo off is shown by the kernel: that would be our fault."""
    for _ in range(25):
        if not termios.tcgetattr(fd)[3] & termios.ECHO:
            return
        time.sleep(0.02)


def on_terminal(directory, command, answers):
    """answers: [(pattern, file)]. The terminal is also standard output and standard error."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    shown, since, deadline = b"", 0, time.time() + TIMEOUT
    while time.time() < deadline:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            shown += data
        m = answers and re.search(answers[0][0].encode(), shown[since:])
        if m:
            since += m.end()
            wait_for_silence(fd)
            with open(answers.pop(0)[1], "rb") as f:
                os.write(fd, f.read().split(b"\n")[0] + b"\n")
    else:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with open(os.path.join(directory, "tty"), "wb") as f:
        f.write(shown)
    if answers:
        print("never asked for:", ", ".join(p for p, _ in answers))
        return -1
    return os.waitstatus_to_exitcode(status)


def new_run(runs):
    os.makedirs(runs, exist_ok=True)
    n = len(os.listdir(runs)) + 1
    path = os.path.join(runs, f"{n:03d}")
    os.mkdir(path)
    return path


def allowed(finding, allow):
    where, name, _ = finding
    return any(re.fullmatch(a, f"{name}@{where}") for a in allow)


def hit(finding, pattern):
    return re.fullmatch(pattern, f"{finding[1]}@{finding[0]}")


def report(findings, o):
    """Print what was found; the exit status."""
    findings = sorted(set(findings))
    if o.find:
        hits = [f for f in findings if hit(f, o.find)]
        print("\n".join("found " + " ".join(f) for f in hits[:5]) if hits
              else f"NOT FOUND: {o.find}; only {findings[:5]}")
        return 0 if hits else 1
    findings = [f for f in findings if not allowed(f, o.allow)]
    for where, name, form in findings[:20]:
        print(f"LEAK of {name} in {where}: {form}")
    return 1 if findings else 0


def show_outputs(directory):
    for name, what in OUTPUTS:
        path = os.path.join(directory, name)
        if os.path.exists(path):
            with open(path, "rb") as f:
                print(what + ":", f.read()[-1500:].decode("utf-8", "replace"))


def cmd_run(o):
    needles = canaries(o.canaries)
    directory = new_run(o.runs)
    command = traced(directory, o.command)
    if o.answer:
        rc = on_terminal(directory, command, [tuple(a.split("=", 1)) for a in o.answer])
    else:
        rc = on_pipes(directory, command)
    run = Run(directory)
    bad = 0
    if o.exit is not None and str(rc) not in o.exit.split(","):
        print(f"exit {rc} instead of {o.exit}")
        show_outputs(directory)
        bad = 1
    for where, names in (("read", o.read), ("sent", o.sent)):
        for name in names:
            if not seen(run, needles, name, where):
                print(f"CONTROL: strace did not show {name} being {where}")
                bad = 1
    if not o.find and not any(c.name in WRITES for _, calls in run.traces for c in calls):
        print("CONTROL: strace showed no write at all")
        bad = 1
    clean = Clean(o.runs + ".clean")
    findings = list(judge(run, needles, o.dir)) + list(judge_files(o.dir, needles, clean=clean))
    clean.save()
    return report(findings, o) or bad


def cmd_judge(o):
    needles = canaries(o.canaries)
    findings, missing = list(judge_files(o.dir, needles)), set(o.sent)
    names = {n[0] for n in needles}
    for name in sorted(os.listdir(o.runs)):
        run = Run(os.path.join(o.runs, name))
        findings += judge(run, needles, [])
        if o.find and any(hit(f, o.find) for f in findings):
            break
        missing -= {m for m in missing if seen(run, needles, m, "sent")}
    for name in sorted(missing):
        print(f"CONTROL: no run was seen to send {name}")
    print(f"{len(os.listdir(o.runs))} runs, {', '.join(sorted(names))}")
    return report([f for f in findings if f[0] != "blind"], o) or (1 if missing else 0)


def cmd_files(o):
    return report(list(judge_files(o.command, canaries(o.canaries))), o)


def mappings(pid):
    """(start, end, flags) of what can be read and written."""
    with open(f"/proc/{pid}/smaps") as f:
        text = f.read()
    for m in re.finditer(r"^([0-9a-f]+)-([0-9a-f]+) (rw..) .*?^VmFlags: (.*?)$", text, re.S | re.M):
        yield int(m.group(1), 16), int(m.group(2), 16), m.group(4).split()


def cmd_memory(o):
    """Prints for each canary that is there: name, and whether a mapping that holds it is locked, not dumped and wiped."""
    needles = [n for n in canaries(o.canaries) if n[1] == "as it is"]
    found = {}
    with open(f"/proc/{o.command[0]}/mem", "rb", 0) as mem:
        for start, end, flags in mappings(o.command[0]):
            try:
                mem.seek(start)
                data = mem.read(end - start)
            except OSError:
                continue
            arena = {"lo", "dd", "wf"} <= set(flags)
            for name, _ in look(needles, data):
                found.setdefault(name, set()).add("arena" if arena else "elsewhere")
    for name, where in sorted(found.items()):
        print(name, *sorted(where))
    return 0


# ---- is there a case for everything the help offers? ----

def help_of(program, words):
    return subprocess.run([program] + words + ["--help"], stdout=subprocess.PIPE, check=False,
                          stdin=subprocess.DEVNULL).stdout.decode()


def listed(text):
    return re.findall(r"^  ([a-z][a-z-]*)  *\S", text, re.M)


def offered(program):
    """[(words, [SPEC options])]: a command whose help lists verbs stands for these."""
    for verb in listed(help_of(program, [])):
        text = help_of(program, [verb])
        subs = listed(text) if re.match(r"usage:.* VERB ", text) else []
        for words in [[verb, s] for s in subs] or [[verb]]:
            yield words, re.findall(r"(--[a-z-]+)=SPEC", help_of(program, words))


def cmd_verbs(o):
    for words, specs in offered(o.command[0]):
        print(" ".join(words), *specs)
    return 0


def cmd_covered(o):
    program = o.command[0]
    offers = list(offered(program))
    done = {}
    for name in os.listdir(o.runs):
        for argv, status in programs(os.path.join(o.runs, name)):
            if os.path.basename(argv[0]) != "ykenroll" or status is None or "--help" in argv:
                continue
            for words, _ in offers:
                if argv[1:1 + len(words)] == words:
                    entry = done.setdefault(tuple(words), [set(), set()])
                    entry[0].add("ok" if status == 0 else "failed")
                    for i, a in enumerate(argv):
                        value = a.split("=", 1)[1] if "=" in a else argv[i + 1] if i + 1 < len(argv) else ""
                        if re.match(r"(file|fd):|prompt$", value):
                            entry[1].add(a.split("=")[0])
    bad = 0
    for words, specs in offers:
        ways, used = done.get(tuple(words), [set(), set()])
        text = " ".join(words)
        if not ways:
            print(f"no canary case for verb {text}")
        for way in {"ok", "failed"} - ways if ways else ():
            print(f"no canary case for verb {text}: none that {'succeeds' if way == 'ok' else 'fails'}")
        for s in set(specs) - used:
            print(f"no canary case for verb {text}: option {s}")
        bad += len({"ok", "failed"} - ways) + len(set(specs) - used)
    print(f"{len(offers)} verbs, {sum(len(s) for _, s in offers)} options that take a secret")
    return 1 if bad else 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["run", "judge", "files", "memory", "verbs", "covered"])
    p.add_argument("--canaries", help="directory of files")
    p.add_argument("--runs", help="directory of runs")
    p.add_argument("--dir", action="append", default=[], help="where files may be written, and are looked through")
    p.add_argument("--exit", help="the exit status that is wanted: N or N,N")
    p.add_argument("--read", action="append", default=[], metavar="NAME", help="must be seen being read")
    p.add_argument("--sent", action="append", default=[], metavar="NAME", help="must be seen on its way to pcscd")
    p.add_argument("--allow", action="append", default=[], metavar="PATTERN", help="NAME@CHANNEL that is no leak")
    p.add_argument("--find", metavar="PATTERN", help="succeed if NAME@CHANNEL is found: for planted leaks")
    p.add_argument("--answer", action="append", default=[], metavar="PATTERN=FILE", help="on a terminal, type this then")
    p.add_argument("words", nargs="*", help="-- COMMAND…, files, or the program")
    words = sys.argv[1:]
    at = words.index("--") if "--" in words else len(words)
    o = p.parse_args(words[:at])
    o.command = o.words + words[at + 1:]
    if o.what in ("run", "covered", "verbs") and shutil.which(o.command[0]) is None:
        sys.exit(f"{o.command[0]} is not there")
    return {"run": cmd_run, "judge": cmd_judge, "files": cmd_files, "memory": cmd_memory, "verbs": cmd_verbs,
            "covered": cmd_covered}[o.what](o)


if __name__ == "__main__":
    sys.exit(main())
