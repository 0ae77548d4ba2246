#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Does a test match what a message names, and not its English?

What is matched on standard error is the argument called PATTERN where a helper says how it is called ("# exits CODE PATTERN
TEXT COMMAND…"), or grep's where the file is somebody's standard error. A word in it has to be an option, a command to run
next, a key before a number, a name that no English word looks like (clientAuth), a file or an id of doc/formats.md, or what the
same script says elsewhere than in texts and patterns.

    patterns.py FILE…       prints FILE:LINE: WORD in PATTERN, for each that is none of these
"""
import os
import re
import sys

QUOTED = r"""'[^']*'|"(?:\\.|[^"\\])*"|(?:\\.|[^\s'"|;&()])+"""
WORD = r"[\w./@+-]*[\w+-]"  # a word, a path, an address
KEY = r"\b(?:[a-z]+ )?[a-z]+: (?=[(\[]?\d|\$)|\b[a-z]+ (?=[(\[]?\d)"
NAME = r"--|.*[a-z][A-Z]|.*[A-Z]{2}|.*_"
VARIABLE = r"\$\{[^}]*\}|\$\([^)]*\)|\$\w+|\$[@*#?]|\\[nt]"  # and line ends
GREP = rf"\bgrep((?:\s+-[A-Za-z-]+)*)\s+({QUOTED})\s+\S*[./]err\b"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def words(text):
    found = re.findall(WORD, re.sub(VARIABLE, " ", re.sub(KEY, " ", text)))
    return {part.strip(".") for w in found for part in w.split("/")}


def sourced(path, text):
    """Of the script's own folder, or of the flows, where some go."""
    names = re.findall(r"(?m)^\. \S*?(lib\w*\.sh)$", text)
    return [p for n in names for p in (f"{os.path.dirname(path)}/{n}", f"tests/flow/{n}") if os.path.exists(p)]


def helpers(text):
    """How each is called, as it says of itself: name -> its arguments."""
    called = re.findall(r"# (\w+(?: [A-Z]+)* PATTERN(?: [A-Z]+)*)", text)
    return {c.split()[0]: c.split()[1:] for c in called}


def matched(text, how):
    """Where each PATTERN is; and the text without these, what tests are called, and comments."""
    found = []

    def blank(a, b):
        nonlocal text
        text = text[:a] + " " * (b - a) + text[b:]

    for m in re.finditer(r"(?m)(?:^|(?<=\s))#.*$", text):
        blank(*m.span())
    for name, args in {"claim": ["TEXT"], "refuse": ["TEXT"], **how}.items():
        for m in re.finditer(rf"(?<![\w#-]){name}" + rf"\s+({QUOTED})" * len(args), text):
            found += [m.span(i) for i, a in enumerate(args, 1) if a == "PATTERN"]
            for i, a in enumerate(args, 1):
                if a in ("PATTERN", "TEXT"):
                    blank(*m.span(i))
    for m in re.finditer(GREP, text):
        found.append(m.span(2))
        blank(*m.span(2))
    return found, text


def main():
    commands = "|".join(sorted(set(" ".join(re.findall(r"\bCm ([a-z -]+)", read("doc/ykenroll.1"))).split()), reverse=True))
    command = rf"ykenroll(?:-signer)?(?![\w.-])(?: (?:{commands})\b(?!-))*"
    ids = {i for i in words(" ".join(re.findall(r"`([\w./-]+)`", read("doc/formats.md")))) if re.search(r"[._-]", i)}
    lib = helpers(read("tests/flow/lib.sh"))
    for path in sys.argv[1:]:
        text = read(path)
        found, rest = matched(text, {**lib, **helpers(text)})
        rest += "".join(matched(t, {**lib, **helpers(t)})[1] for t in map(read, sourced(path, text)))
        given = words(rest) | ids
        for a, b in sorted(found):
            for word in sorted(words(re.sub(command, " ", text[a:b].strip("'\""))) - given):
                if re.search(r"[a-z]{3}", word) and not re.match(NAME, word):
                    print(f"{path}:{text.count(chr(10), 0, a) + 1}: {word} in {text[a:b]}")


main()
