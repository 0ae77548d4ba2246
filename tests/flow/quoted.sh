#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is every command that README, doc/ and the manual pages quote one that the program takes, inline ones too? Each is given to
# it with --help behind: then a verb or an option that there is not is refused, and nothing is done. Those that only look are
# run. What the pages of doc/servers, doc/troubleshooting.md and doc/lost-token.md do step by step is run by tests/servers.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/quoted.sh" --tokens 1 --firmware 5.7.1
make_ca >"$T/init.log" 2>&1
exits 0 '' "Alice has a token" enroll Alice alice@example.org

cat >"$T/quoted.py" <<'PY'
# quoted.py FILE…: each command of ours that is quoted there, a line
import re, sys
for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read()
    if path.endswith(".1"):
        text = text.replace("\\e\n", " ").replace("\\-", "-")
        found = [line for block in re.findall(r"(?ms)^\.Bd -literal.*?$(.*?)^\.Ed", text) for line in block.splitlines()]
        found += re.findall(r"(?m)^\.Dl (.*)$", text)
        # ".Nm" or ".Nm ykenroll", then its words in macros: those of running text
        found += ["ykenroll " + " ".join(re.findall(r"(?m)^\.Cm ([a-z -]+?)(?: [.,;:)]+)?$", m))
                  for m in re.findall(r"(?m)^\.Nm ykenroll\n(\.Cm .*)$", text)]
    else:
        text = text.replace("\\\n", " ")
        found = re.findall(r"(?m)^ {3,}(?:\$ |# )?(.*\bykenroll .*)$", text) + re.findall(r"`([^`]*\bykenroll [^`]*)`", text)
        found += [line for block in re.findall(r"(?ms)^ *```sh ?\w*\n(.*?)^ *```$", text) for line in block.splitlines()]
    for line in found:
        for part in re.split(r" (?:&&|\|\||;) |\| ", " ".join(line.split("  #")[0].split())):
            m = re.match(r"(?:exec |sudo |\$ |setpriv (?:-\S+ \S+ )*?--clear-groups )*(ykenroll [a-z].*)$", part.strip())
            if m and not re.match(r"ykenroll [a-z]+\.|ykenroll [a-z-]+ \(1\)", m[1]):
                print(path.split("/")[-1] + "\t" + m[1].rstrip(".,"))
PY
cat >"$T/judge.py" <<'PY'
# judge.py LIST: is each taken? Those that look are run.
import shlex, subprocess, sys
looks = ("list", "show", "check", "doctor", "ca show", "ca log", "audit verify", "server", "token list", "token info")
n = bad = ran = 0
for line in sorted(set(open(sys.argv[1], encoding="utf-8").read().splitlines())):
    page, command = line.split("\t")
    words = [w for w in shlex.split(command.replace("…", "")) if w not in ("...", "\\") and w[0] != ">"]
    n += 1
    r = subprocess.run([*words, "--help"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if r.returncode != 0:
        bad += 1
        print(f"{page}: {command}: {r.stderr.strip()}")
        continue
    name = " ".join(words[1:])
    bare = name in looks[:7]  # a verb that is named alone, and takes no words, is run, too
    if "$" not in command and name.startswith(looks) and (bare or len(words) > 2) and not any(w.isupper() for w in words[1:]) \
            and not {"--client", "NAME"} <= set(words) and name not in ("ca show", "show"):
        ran += 1
        r = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if r.returncode == 2:
            bad += 1
            print(f"{page}: {command}: {r.stderr.strip()}")
print(f"{n} commands, {ran} of them run, {bad} not taken")
sys.exit(bad != 0 or n < 60)
PY
doc=$(cd ../../doc && pwd)
cat >"$T/planted.md" <<'MD'
Run `ykenroll lost` or `ykenroll show alice@example.org --client curl`:

    ykenroll list --nothing
MD
python3 "$T/quoted.py" "$T/planted.md" >"$T/list"
claim "planted: what is not taken is found" [ "$(python3 "$T/judge.py" "$T/list" | tail -1)" = "3 commands, 1 of them run, 3 not taken" ]
python3 "$T/quoted.py" "$doc"/../README.md "$doc"/*.md "$doc"/servers/*.md "$doc"/*.1 >"$T/list"
claim "every command that is quoted is one" python3 "$T/judge.py" "$T/list"
tail -1 "$T/claim.out" | sed 's/^/# /'

# ---- the signer as a service: by the manual page, for a user that is there, below a directory of our own ----
block=$(sed -n '/^\.Sh The signer as a service/,/^\.Ed/p' "$doc/ykenroll.1" | sed '1,/^\.Bd/d; /^\.Ed/d; s/\\e$/\\/')
if [ "$(id -u)" = 0 ] && command -v systemd-creds >/dev/null && setpriv --reuid nobody --regid nogroup --clear-groups true 2>/dev/null; then
	mkdir "$T/bin" "$T/root" "$T/root/etc" "$T/root/media" "$T/root/var"
	chmod 711 "$T" "$T/root" "$T/root/media" "$T/root/var" "$T/bin"
	cp "$(command -v ykenroll)" "$(command -v ykenroll-signer)" "$T/bin/" && chmod 755 "$T/bin"/*
	cp "$T/pass" "$T/theirs" && chown nobody "$T/theirs"
	echo "$block" | sed "/^systemd-sysusers$/d; /^systemctl enable/d; s/-o ykenroll -g ykenroll/-o nobody -g nogroup/
		s/--reuid ykenroll --regid ykenroll/--reuid nobody --regid nogroup/; s,/var/lib,$T/root/var,; s,/media/usb,$T/root/media,
		s,/etc/ykenroll,$T/root/etc/ykenroll,; s,--recovery-out,--ca-pass file:$T/theirs --recovery-pass file:$T/theirs &,
		s,systemd-ask-password -n,tr -d '\\\\n' <$T/pass," >"$T/service.sh"
	claim "ykenroll.1, the signer as a service: setpriv … init" sh -c 'cd / && PATH=$T/bin:$PATH sh -eu "$T/service.sh"'
	claim "there is a CA, of that user" [ "$(stat -c %U "$T/root/var/ykenroll/ca/issuing.key" "$T/root/media/ca/recovery.key" | sort -u)" = nobody ]
	claim "and systemd-creds has its passphrase" sh -c 'systemd-creds decrypt --name=ca-pass "$T/root/etc/ykenroll/ca-pass.cred" - | cmp - "$1"' sh "$(tr -d '\n' <"$T/pass" >"$T/p"; echo "$T/p")"
else
	n=$((n + 1))
	echo "ok $n - the signer as a service # SKIP needs root and systemd-creds"
fi
finish
