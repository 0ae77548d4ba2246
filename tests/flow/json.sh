#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# With --json, is each failure of each command one object on standard output, which says what exit status and standard error do?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/json.sh" --tokens 1 --firmware 5.7.1
make_ca >"$T/init.log" 2>&1
awk -F'|' '/^\| `[a-z-]*` \| [0-9]+ \|$/ { gsub(/[` ]/, ""); print $2, $3 }' ../../doc/formats.md >"$T/names"
claim "doc/formats.md has the names of the exit status" [ "$(wc -l <"$T/names")" = 17 ]

cat >"$T/wrong.py" <<'PY'
# runs every command with every wrong word of a table; prints those that say it otherwise
import json, os, re, subprocess, sys
names = {int(code): name for name, code in (line.split() for line in open(os.environ["T"] + "/names"))}
wrong = {"an unknown option": ["--frobnicate"], "a word too many": ["x"] * 300, "no such home": ["--home", os.environ["T"] + "/none"],
         "nobody to ask, no such word": ["--non-interactive", "none@example.org"], "an option without its value": ["--home"]}
def run(words):
    return subprocess.run(["ykenroll", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=1800,
                          cwd=os.environ["T"])  # where backup, publish and others make what has the word for a name
def commands(words):
    listed = re.findall(r"^  ([a-z-]+) ", run([*words, "--help"]).stdout, re.M) if len(words) < 2 else []
    listed = [v for v in listed if "VERB" in run([*words, "--help"]).stdout or not words]
    if not listed or words == ["escrow"]:
        yield words
    for verb in listed:
        yield from commands([*words, verb])
def judge(words):
    r = run([*words, "--json"])
    if r.returncode == 0:
        return None
    try:
        e = json.loads(r.stdout)["error"]
    except (ValueError, KeyError):
        return f"no such object: {r.stdout[:200]!r} {r.stderr[:200]!r}"
    if e["code"] != r.returncode or e["name"] != names[r.returncode]:
        return f"exit {r.returncode}: {e}"
    if e["text"] not in r.stderr or e.get("next", "") not in e["text"]:
        return f"{e} is not what is said: {r.stderr}"
all_commands = [c for c in commands([]) if c != ["signer"]]  # that becomes another program
n = bad = 0
for words in [["frobnicate"], [], ["ca", "frobnicate"]] + [c + w for c in all_commands for w in wrong.values()]:
    n += 1
    if (why := judge(words)) is not None:
        bad += 1
        print("ykenroll", *words[:6], "-", why)
print(f"{len(all_commands)} commands, {n} calls, {bad} otherwise")
sys.exit(bad != 0 or len(all_commands) < 50)
PY
claim "a wrong word to every command" python3 "$T/wrong.py"
sed 's/^/# /' "$T/claim.out" | tail -1

exits 1 '' "a command to run next" ykenroll list --home "$T/none" --json
claim "stands by itself" [ "$(jq -r .error.next "$T/out")" = "ykenroll init" ]
exits 2 '' "but not what others wrote" ykenroll show 'x: ykenroll init' --json
claim "never" [ "$(jq -r .error.next "$T/out")" = "ykenroll list --holder PART" ]
ykman --device 10000001 piv access change-pin -P 123456 -n 654321 >/dev/null
echo 111222 >"$T/wrongpin"
exits 4 '' "a wrong PIN" enroll Alice a@example.org --current-pin "file:$T/wrongpin" --json
claim "with the tries that are left" [ "$(jq -r '.error | "\(.code) \(.name) \(.tries)"' "$T/out")" = "4 pin 2" ]
exits 12 '' "what was found is there" ykenroll check --json
claim "in the same object" [ "$(jq -s '[length, (.[0].findings | length > 0), .[0].error.code]' -c "$T/out")" = '[1,true,12]' ]
exits 0 '' "what is well" ykenroll list --json
claim "has no error" [ "$(jq .error "$T/out")" = null ]
finish
