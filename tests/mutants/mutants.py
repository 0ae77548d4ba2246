# SPDX-License-Identifier: BSD-2-Clause
"""Planted defects: reads the tables *.txt beside this file, checks them, plants them. run.sh says how it is called.

A row of a table:

    @ FILE TEST CASE
    # why it matters
     a line as it is
    -a line that is taken out
    +a line that is put in its place

What follows the comment is a hunk as in a patch, and must fit in exactly one place of FILE. TEST is a unit test and CASE
one of its functions, or TEST is a script below tests/ (flow/enroll) and CASE the text of one of its claims, to the end of
the line (without words that the flow puts before it for each of many). A row that begins with `?` in place of `@` is known to survive; its comment says why that is so.
"""
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
COPIED = ["src", "include", "tests", "doc", "udev", "meson.build", "meson.options", "meson_options.txt", "README.md"]
LIMIT_SEC = 300  # what takes as long hangs, and does not pass

# The filter of cmocka has no name in the environment: one case takes a hundredth of its program's time.
FILTER = """
#include <stdlib.h>
extern void cmocka_set_test_filter(const char *) __attribute__((weak)); /* not there in what a test starts */
__attribute__((constructor)) static void
only(void)
{
	if (cmocka_set_test_filter != NULL)
		cmocka_set_test_filter(getenv("ONLY_CASE"));
}
"""


class Row:
    def __init__(self, name, head, why, hunk):
        self.name, self.survives = name, head[0] == "?"
        self.file, self.test, self.case = head[1:].split(None, 2)
        self.why = " ".join(why)
        self.old = "".join(line[1:] + "\n" for line in hunk if line[0] in " -")
        self.new = "".join(line[1:] + "\n" for line in hunk if line[0] in " +")

    @property
    def unit(self):
        return "/" not in self.test

    def source(self):
        return os.path.join("tests", "unit", self.test + ".c") if self.unit else os.path.join("tests", self.test + ".sh")

    def wrong(self):
        """What is wrong with this row, or None."""
        try:
            code = open(os.path.join(TOP, self.file)).read()
            test = open(os.path.join(TOP, self.source())).read()
        except OSError as e:
            return f"{e.filename} is not there"
        if self.old == self.new or not self.why:
            return "changes nothing" if self.why else "does not say why it matters"
        places = ("\n" + code).count("\n" + self.old)
        if places != 1:
            return f"fits {self.file} in {places} places instead of one"
        if not (re.search(r"\b%s\b" % re.escape(self.case), test) if self.unit else self.case in test):
            return f"{self.source()} has no '{self.case}'"
        return None


def tables():
    """All rows, in the order of the tables' names."""
    here = os.path.join(TOP, "tests", "mutants")
    rows = []
    for table in sorted(f for f in os.listdir(here) if f.endswith(".txt")):
        n, block = 0, []
        for line in open(os.path.join(here, table)).read().split("\n") + [""]:
            if line != "":
                block.append(line)
                continue
            if block and block[0][0] in "@?":
                n += 1
                why = [w[1:].strip() for w in block[1:] if w[0] == "#"]
                rows.append(Row(f"{table[:-4]}/{n}", block[0], why, [h for h in block[1:] if h[0] in " -+"]))
            block = []
    return rows


def chosen(rows, words):
    """Those that the command line names, or a sample that is another one with each change of the sources."""
    if words:
        return [r for r in rows if r.name in words or r.name.split("/")[0] in words]
    if not os.environ.get("SAMPLE"):
        return rows
    sources = hashlib.sha256()
    for where, dirs, files in os.walk(os.path.join(TOP, "src")):
        dirs.sort()
        for name in sorted(files):
            with open(os.path.join(where, name), "rb") as f:
                sources.update(f.read())
    seed = sources.hexdigest()[:16]
    print(f"# a sample, by sources {seed}")
    cheap = [r for r in rows if r.unit and not r.survives]
    cheap.sort(key=lambda r: hashlib.sha256((seed + r.name).encode()).digest())
    return sorted(cheap[: int(os.environ["SAMPLE"])], key=lambda r: r.name)


class Lab:
    """A private copy of the tree and a build directory of it."""

    def __init__(self):
        self.tmp = os.environ["TMPDIR"]
        base = os.environ.get("BASE")
        # ninja's paths are relative: a copy in which both lie as they do here is built already
        self.tree = self.tmp + TOP
        self.build = self.tmp + os.path.abspath(base) if base else os.path.join(self.tmp, "build")
        os.makedirs(self.tree)
        for name in COPIED:
            at = os.path.join(TOP, name)
            if os.path.isdir(at):
                shutil.copytree(at, os.path.join(self.tree, name), symlinks=True)
            elif os.path.exists(at):
                shutil.copy2(at, self.tree)
        if base:
            shutil.copytree(base, self.build, symlinks=True)
        else:
            self.need(["meson", "setup", "-Dbuildtype=plain", "-Doptimization=0", "-Dwerror=true", "-Dtests=enabled",
                       self.build, self.tree])
        self.filter = os.path.join(self.tmp, "filter.so")
        with open(os.path.join(self.tmp, "filter.c"), "w") as f:
            f.write(FILTER)
        self.need(["cc", "-shared", "-fPIC", "-o", self.filter, os.path.join(self.tmp, "filter.c")])

    def need(self, argv):
        done = subprocess.run(argv, cwd=self.tmp, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(argv)}:\n{done.stdout[-4000:]}")

    def make(self, row):
        # a test of p11-kit loads the shim by its path, of which ninja knows nothing
        targets = [f"tests/unit/{row.test}", "tests/unit/p11_shim.so"] if row.unit else [
            "src/ykenroll", "src/ykenroll-signer", "src/ykenroll-letter", "src/virtual/ykvirt"]
        done = subprocess.run(["ninja", "-C", self.build] + targets, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return None if done.returncode == 0 else done.stdout

    def plant(self, row):
        path = os.path.join(self.tree, row.file)
        before = open(path).read()
        with open(path, "w") as f:
            f.write(("\n" + before).replace("\n" + row.old, "\n" + row.new, 1)[1:])
        return lambda: open(path, "w").write(before)

    def passes(self, row, first=False):
        """True, False, or None where the case is not run. first: it is not asked whether it is so later, too."""
        env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
        if row.unit:
            argv = [os.path.join(self.build, "tests", "unit", row.test)]
            env.update(LD_PRELOAD=self.filter, ONLY_CASE=row.case)
        else:
            argv = ["sh", os.path.join("tests", row.test + ".sh")]
            bins = [os.path.join(self.build, "src"), os.path.join(self.build, "src", "virtual")]
            env.update(BUILDDIR=self.build, YKVIRT=os.path.join(bins[1], "ykvirt"), PATH=":".join(bins + [env["PATH"]]),
                       QUICK=env.get("QUICK", "3"))
        proc = subprocess.Popen(argv, cwd=self.tree, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, start_new_session=True)
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(proc.pid, signal.SIGKILL))
        signal.alarm(LIMIT_SEC if row.unit else 3 * LIMIT_SEC)
        verdict = None
        for line in proc.stdout:
            m = re.match(r"(not ok|ok) \d+ - (.*)", line.decode(errors="replace").rstrip())
            text = m and re.sub(r" \(exit \d+\)$|: exit \d+ instead of .*", "", m[2])
            if m and (text == row.case or text.endswith(" " + row.case)):
                verdict = verdict is not False and m[1] == "ok"
            if verdict is False or (first and verdict):
                os.killpg(proc.pid, signal.SIGTERM)  # the rest is not asked
                break
        proc.stdout.close()
        rc = proc.wait()
        signal.alarm(0)
        if first and verdict:
            return True
        # what dies before it comes to the case did not pass; what is skipped did not fail
        return False if verdict is None and rc not in (0, 77) else verdict


def run(rows):
    lab, green, n, survived, broken = Lab(), {}, 0, 0, 0
    for row in rows:
        since = time.time()
        n += 1
        said = wrong = row.wrong()
        catcher = (row.test, row.case)
        if not wrong and catcher not in green:
            wrong = said = lab.make(row)
            green[catcher] = wrong is None and lab.passes(row, True)
        if not wrong and green[catcher] is not True:
            wrong = f"{row.test} '{row.case}' fails, or does not run, without the defect"
        if not wrong:
            restore = lab.plant(row)
            wrong = lab.make(row)
            passed = None if wrong else lab.passes(row)
            restore()
        if wrong:
            broken += 1
            word = "BROKEN"
        else:
            word = "caught" if passed is False else "survives as it says" if row.survives else "SURVIVED"
            survived += passed is not False
        ok = word in ("caught", "survives as it says")
        print(f"{'ok' if ok else 'not ok'} {n} - {word}: {row.name} {row.file} ({row.test} {row.case}, {time.time() - since:.1f} s)")
        if not ok:
            print(f"# {row.why}")
            print("".join(f"# {line}\n" for line in (wrong or row.new).rstrip().split("\n")[-15:]), end="")
        sys.stdout.flush()
    listed = sum(r.survives for r in rows)
    print(f"1..{n}")
    print(f"{n} planted, {n - survived - broken} caught, {survived} survived" + (f", {broken} broken" if broken else ""))
    return 1 if broken or survived > listed else 0


def main():
    rows = tables()
    if sys.argv[1] == "check":
        for row in rows:
            if row.wrong():
                print(f"{row.name}: {row.wrong()}")
        return 0
    rows = chosen(rows, sys.argv[2:])
    return run(rows) if rows else "no such row"


sys.exit(main())
