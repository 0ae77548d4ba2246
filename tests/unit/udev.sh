#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Do the udev and polkit rules parse, and say what they should? udevadm and a JavaScript engine judge where there are
# any; a checker of our own always does, and is shown to find mistakes.
set -u
cd "$(dirname "$0")/../../udev" || exit 1
n=0 bad=0
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
claim() { # claim TEXT COMMAND…
	n=$((n + 1))
	text=$1
	shift
	if "$@" >"$T/out" 2>&1; then
		echo "ok $n - $text"
	else
		bad=1
		echo "not ok $n - $text"
		sed 's/^/# /' "$T/out" | tail
	fi
}
not() { ! "$@"; }
skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# ---- udev(7): KEY{attribute} OPERATOR "value", … ----
cat >"$T/check.py" <<'PY'
import re, sys
match = {"ACTION", "SUBSYSTEM", "ENV", "ATTR", "ATTRS", "KERNEL", "TAG", "DRIVER"}
assign = {"GROUP", "MODE", "OWNER", "TAG", "ENV", "SYMLINK", "LABEL", "GOTO"}
token = re.compile(r'([A-Z]+)(?:\{([A-Za-z0-9_]+)\})?(==|!=|\+=|-=|:=|=)"([^"]*)"')
gotos, labels, errors, sets = {}, {}, [], []
for no, line in enumerate(open(sys.argv[1], encoding="ascii"), 1):
    line = line.strip()
    if not line or line.startswith("#"):
        continue
    at = 0
    while True:
        m = token.match(line, at)
        if not m:
            errors.append(f"line {no}: no KEY OPERATOR \"value\" at: {line[at:]}")
            break
        key, attribute, op, value = m.groups()
        if key not in (match if op in ("==", "!=") else assign):
            errors.append(f"line {no}: {key} does not take {op}")
        if (key in ("ENV", "ATTR", "ATTRS")) != (attribute is not None):
            errors.append(f"line {no}: {key} and its attribute")
        if key == "MODE" and not re.fullmatch("0?[0-7]{3}", value):
            errors.append(f"line {no}: MODE {value}")
        if key == "GOTO": gotos[value] = no
        elif key == "LABEL": labels[value] = no
        elif op not in ("==", "!="): sets.append((key, attribute, value))
        at = m.end()
        if at == len(line):
            break
        sep = re.compile(r"\s*,\s*").match(line, at)
        if not sep:
            errors.append(f"line {no}: no comma at: {line[at:]}")
            break
        at = sep.end()
errors += [f"line {no}: GOTO {g} leads nowhere ahead" for g, no in gotos.items() if labels.get(g, 0) <= no]
wanted = [("GROUP", None, "ykenroll"), ("TAG", None, "uaccess"), ("ENV", "YKENROLL_TOKEN", "1"), ("MODE", None, "0660")]
errors += [f"nothing sets {w}" for w in wanted if w not in sets]
print("\n".join(errors))
sys.exit(bool(errors))
PY
rules=70-ykenroll.rules
claim "the udev rules parse, open the key to the group and tag it" python3 "$T/check.py" "$rules"
while IFS='|' read -r text edit; do
	sed "$edit" "$rules" >"$T/70-broken.rules"
	claim "the checker finds $text" not python3 "$T/check.py" "$T/70-broken.rules"
done <<'TABLE'
a quote that is missing|s/"1050"/"1050/
a label that is missing|/^LABEL/d
a key that does not exist|s/SYMLINK/SYMLNK/
a comma that is missing|s/0660",/0660"/
a match that assigns|s/SUBSYSTEM!=/SUBSYSTEM=/
a mode that is none|s/0660/0860/
TABLE
claim "the uaccess tag comes before 73-seat-late.rules acts on it" [ "${rules%%-*}" -lt 73 ]
if command -v udevadm >/dev/null && udevadm verify --help >/dev/null 2>&1; then
	cp "$rules" "$T/"
	claim "udevadm verify accepts them" udevadm verify --resolve-names=never "$T/$rules"
	sed 's/^LABEL.*//; s/MODE=/MODEE=/' "$rules" >"$T/70-broken.rules"
	claim "udevadm verify would find a mistake" not udevadm verify --resolve-names=never "$T/70-broken.rules"
else
	skip "udevadm verify accepts them" "no udevadm with verify (systemd 254)"
fi

# ---- polkit(8) ----
cat >"$T/ask.js" <<'JS'
var rules = [], polkit = {Result: {YES: "yes", NO: "no", NOT_HANDLED: null}, addRule: function(f) { rules.push(f); }};
function ask(id, group) {
	return rules[0]({id: id}, {isInGroup: function(g) { return g === group; }});
}
function must(what, ok) { if (!ok) throw new Error(what); }
JS
cat >"$T/answers.js" <<'JS'
must("one rule", rules.length === 1);
must("the group may connect", ask("org.debian.pcsc-lite.access_pcsc", "ykenroll") === "yes");
must("and use cards", ask("org.debian.pcsc-lite.access_card", "ykenroll") === "yes");
must("others may not by this", !ask("org.debian.pcsc-lite.access_card", "users"));
must("nothing else is allowed", !ask("org.freedesktop.systemd1.manage-units", "ykenroll"));
JS
cat "$T/ask.js" ykenroll.rules "$T/answers.js" >"$T/all.js"
engine=
for e in node gjs qjs; do command -v $e >/dev/null && engine=$e && break; done
if [ -n "$engine" ]; then
	claim "the polkit rule lets the group in and nobody else ($engine)" $engine "$T/all.js"
	sed 's/>= 0/< 0/' "$T/all.js" >"$T/wrong.js"
	claim "a rule that allows the wrong thing is found" not $engine "$T/wrong.js"
else
	skip "the polkit rule lets the group in and nobody else" "no JavaScript engine"
fi
cat >"$T/balance.py" <<'PY'
import re, sys
text = re.sub(r'/\*.*?\*/|//[^\n]*|"[^"\n]*"', "", open(sys.argv[1]).read(), flags=re.S)
stack = []
for c in text:
    if c in "([{": stack.append(c)
    elif c in ")]}" and (not stack or stack.pop() + c not in ("()", "[]", "{}")): sys.exit("unbalanced " + c)
sys.exit(bool(stack) or '"' in text or "polkit.addRule(" not in text)
PY
claim "its brackets and quotes are balanced" python3 "$T/balance.py" ykenroll.rules
sed 's/});//' ykenroll.rules >"$T/broken.rules"
claim "a bracket that is missing is found" not python3 "$T/balance.py" "$T/broken.rules"
for a in access_pcsc access_card; do
	claim "the README names org.debian.pcsc-lite.$a" grep -q "org.debian.pcsc-lite.$a" README.md
done
echo "1..$n"
exit $bad
