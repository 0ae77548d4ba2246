#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does a directory that servers read only ever hold whole, verifying, never older CRLs, also after a kill anywhere?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/publish.sh" --tokens 1 --firmware 5.7.1

make_ca >"$T/init.log" 2>&1
pub=$T/home/pub www=$T/www
ca() { verb=$1; shift; ykenroll ca "$verb" --ca-pass "file:$T/pass" "$@"; }
publish() { ykenroll ca publish "$www" "$@"; }
number() { openssl crl -in "$1" -noout -crlnumber | sed 's/.*=0x0*//'; }
blocks() { grep -c '^-----BEGIN' "$1"; }
good() { openssl crl "$@" -noout 2>&1 | grep -q 'verify OK'; }

# ---- what is there ----
exits 2 'ykenroll ca publish DIR' "publish asks where to" ykenroll ca publish
exits 0 '' "publish" publish
claim "ten files, no other" [ "$(ls -A "$www" | wc -l)" = 10 ]
claim "which servers may read" [ "$(stat -c %a "$www" "$www/crl-bundle.pem" | sort -u | tr '\n' ' ')" = "644 755 " ]
claim "two certificates, issuing first" sh -c '[ "$1" = 2 ] && openssl x509 -in "$0/ca-bundle.pem" -noout -subject | grep -q Issuing' "$www" "$(blocks "$www/ca-bundle.pem")"
claim "two CRLs" [ "$(blocks "$www/crl-bundle.pem")" = 2 ]
claim "the DER CRL verifies" good -inform DER -in "$www/issuing.crl" -CAfile "$www/issuing.crt.pem"
claim "so does the root's" good -inform DER -in "$www/root.crl" -CAfile "$www/root.crt.pem"
claim "the DER certificates are certificates" openssl x509 -inform DER -in "$www/root.cer" -noout
if command -v certtool >/dev/null; then
	claim "certtool reads both PEM and DER" sh -c 'certtool --crl-info --infile "$0/root.crl.pem" && certtool --crl-info --inder --infile "$0/issuing.crl"' "$www"
fi
exits 0 '' "once more" publish --json
claim "writes nothing" jq -e '.written == 0' "$T/out"
claim "and no second audit row" [ "$(sqlite3 "$T/home/registry.db" "SELECT count(*) FROM audit WHERE action='publish'")" = 1 ]
ca crl >/dev/null
exits 0 '' "a new CRL" publish --json
claim "writes the three files that have it" jq -e '.written == 3' "$T/out"
claim "with its number" [ "$(number "$www/crl-bundle.pem")" = 2 ]

# ---- places named in ykenroll.conf ----
conf=$T/home/ykenroll.conf
cp "$conf" "$T/conf"
put() { cp "$T/conf" "$conf"; printf '\n[publish]\n%s\n' "$1" >>"$conf"; }
put "dir = $T/a
test = /bin/echo tested
reload = /bin/echo reloaded
[publish second]
dir = $T/b"
exits 0 '^reloaded$' "publish to what ykenroll.conf names" ykenroll ca publish
claim "two places" cmp "$T/a/crl-bundle.pem" "$T/b/crl-bundle.pem"
printf '#!/bin/sh\nfor w; do printf "<%%s>" "$w"; done\n' >"$T/words"
chmod 755 "$T/words"
put "dir = $T/a
reload = $T/words \"a b\" c 'd \"e\"' f\\\\ g"
ca crl >/dev/null
exits 0 '<a b><c><d "e"><f g>' "a command of ykenroll.conf has its words as they are quoted" ykenroll ca publish
put "dir = $T/a
reload = \"$T/words a b\""
ca crl >/dev/null
exits 0 '<a><b>' "as a whole in quotes it is what is in them" ykenroll ca publish
put "dir = $T/a
reload = $T/words \"a b"
exits 2 '\[publish\]: .*/words "a b$' "and a quote has an end" ykenroll ca publish
put "dir = relative"
exits 2 '\[publish\]: dir .* relative$' "a relative path is refused" ykenroll ca publish
put "dir = $T/a
relaod = /bin/true"
exits 2 "\[publish\]: .*'relaod'" "so is a misspelt name" ykenroll ca publish
put "server = nginx"
exits 2 '\[publish\]: .* dir ' "and a section without a directory" ykenroll ca publish
put "dir = $T/a
server = iis"
exits 2 '' "and a server that nobody knows" ykenroll ca publish
put "dir = $T/a
allow.a/b = profile=client"
exits 2 "'a/b'" "and a list by a name that would lead elsewhere" ykenroll ca publish
put "dir = $T/a
allow.admin = admins"
exits 2 "'admins'" "and one of a relative path" ykenroll ca publish
put "dir = $T/b
allow.admin = $T/admins"
ca crl >/dev/null
exits 2 "allow.admin: .* $T/admins" "a list whose file is not there is said" ykenroll ca publish
claim "it has nobody, and all the rest is published" eval '! grep -v "^#" "$T/b/allow-admin.haproxy" && cmp "$T/b/issuing.crl.pem" "$pub/issuing.crl"'
put "dir = $T/b"
exits 0 '/b/allow-admin.haproxy ' "one that ykenroll.conf has no more, too" ykenroll ca publish
put "dir = $T/a"
chmod 666 "$conf"
exits 2 'ykenroll.conf .*chmod 644' "a configuration that others can write is not obeyed" ykenroll ca publish
exits 0 '' "a directory that is named needs none" ykenroll ca publish "$T/a"
exits 2 'allow-admin.haproxy .*/home/ykenroll.conf .*chmod' "but for its lists" ykenroll ca publish "$T/b"
rm "$conf" && cp "$T/conf" "$conf"

# ---- a server judges: openssl s_server with the published files ----
enroll Alice alice@example.org >/dev/null 2>&1
sqlite3 "$T/home/registry.db" "SELECT hex(der) FROM certificates" | python3 -c \
	'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read().strip()))' | openssl x509 -inform DER -out "$T/alice.pem"
verifies() { openssl verify -x509_strict -crl_check_all -CAfile "$www/ca-bundle.pem" -CRLfile "$www/crl-bundle.pem" "$T/alice.pem"; }
publish >/dev/null
claim "a holder's certificate verifies with the bundles" verifies
cp -a "$www" "$T/www.before"
cp -a "$pub" "$T/pub.before"
ykenroll revoke alice@example.org --reason superseded --ca-pass "file:$T/pass" >/dev/null
claim "until the revocation is published it does" verifies
publish >/dev/null
refuse "and then no more" verifies

# ---- a list of who may log in has clients only, by what their certificates say and not what their profile is called ----
printf '\n[profile web]\nbase = server\n[profile robot]\nbase = software\n' >>"$T/home/ykenroll.conf"
for p in web robot server; do
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/$p.key" -subj /CN=x -out "$T/$p.csr" 2>/dev/null
	name="--dns $p.example.org"
	[ $p != robot ] || name='--cn robot'
	claim "a certificate of profile $p" ca issue "$T/$p.csr" --profile $p $name --out "$T/$p.crt"
done
exits 0 '' "Caddy's list" ykenroll ca publish "$T/leaves" --leaves --json
claim "is of one: the robot's, no server's" sh -c 'jq -e ".leaves == 1" "$0/out" && cmp "$0"/leaves/leaves/*.pem "$0/robot.crt"' "$T"
cp "$T/conf" "$T/home/ykenroll.conf"

# ---- refused ----
cp -a "$pub" "$T/pub.now"
restore() { rm -rf "$pub" "$www"; cp -a "$T/pub.now" "$pub"; cp -a "$T/www.now" "$www"; }
cp -a "$www" "$T/www.now"
untouched() { diff -r "$www" "$T/www.now"; }
rm -rf "$pub" && cp -a "$T/pub.before" "$pub"
now=$((0x$(number "$www/crl-bundle.pem")))
exits 9 "crl-bundle.pem .*number $now.*number $((now - 1));" "an older CRL is refused" publish
claim "what was there stays" untouched
exits 0 '' "--force publishes it" publish --force
restore
i=0
for garbage in '' 'garbage' '-----BEGIN X509 CRL-----'; do
	i=$((i + 1))
	printf '%s\n' "$garbage" >"$pub/issuing.crl"
	exits 12 'issuing.crl' "garbage $i is refused" publish
	claim "what was there stays" untouched
done
restore
head -c 300 "$T/pub.now/root.crl" >"$pub/root.crl"
exits 12 'root.crl' "half a CRL is refused" publish
cp "$T/pub.now/root.crl" "$pub/issuing.crl" && cp "$T/pub.now/root.crl" "$pub/root.crl"
exits 12 '^ykenroll: pub/issuing.crl' "the other CA's CRL is refused" publish
restore
openssl crl -in "$pub/issuing.crl" -outform DER | python3 -c 'import sys; d = bytearray(sys.stdin.buffer.read()); d[-3] ^= 1; sys.stdout.buffer.write(d)' |
	openssl crl -inform DER -out "$T/bad.crl" && cp "$T/bad.crl" "$pub/issuing.crl"
exits 12 '^ykenroll: pub/issuing.crl.*(OpenSSL|ECDSA|RSA)' "a CRL with another signature is refused" publish
claim "what was there stays" untouched
restore
rm "$pub/root.crl"
exits 11 'root.crl' "a CRL that is not there" publish
restore

# our own keys sign what the program never would
lie() { # lie DAYS NUMBER [SERIAL]: an issuing CRL with no entries, or one
	mkdir -p "$T/lie" && : >"$T/lie/index.txt" && echo "$2" >"$T/lie/crlnumber"
	printf '[ca]\ndefault_ca=c\n[c]\ndatabase=%s/lie/index.txt\ncrlnumber=%s/lie/crlnumber\ndefault_md=sha256\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n' "$T" "$T" >"$T/lie/cnf"
	openssl ca -config "$T/lie/cnf" -gencrl -cert "$pub/issuing.crt" -keyfile "$T/home/ca/issuing.key" \
		-passin "file:$T/pass" -crl_lastupdate "$(date -u -d "$1 days ago" +%Y%m%d%H%M%SZ)" -crl_nextupdate "$3" -out "$pub/issuing.crl" 2>"$T/lie/err"
}
lie 9 7F "$(date -u -d '1 day' +%Y%m%d%H%M%SZ)"
exits 9 'crl-bundle.pem .*[0-9a-f]{32}.*--force' "one without the revocation is refused, whatever its number" publish
claim "what was there stays" untouched
lie 9 "$(printf '%02X' "0x$(number "$www/crl-bundle.pem")")" "$(date -u -d '1 day' +%Y%m%d%H%M%SZ)"
exits 9 "crl-bundle.pem .*number $now.*number $now;" "another CRL of the number that is there is refused" publish
claim "what was there stays" untouched
lie 9 7F "$(date -u -d '1 hour ago' +%Y%m%d%H%M%SZ)"
exits 12 'ykenroll ca crl' "an expired one is refused, with what to run" publish
claim "what was there stays" untouched
rm -rf "$www"
lie 9 7F "$(date -u -d '1 day' +%Y%m%d%H%M%SZ)"
exits 0 'ykenroll ca crl' "one near its end is published, with a warning" publish
restore
sqlite3 "$T/home/registry.db" "UPDATE certificates SET not_before=1, not_after=2"
lie 9 7F "$(date -u -d '1 day' +%Y%m%d%H%M%SZ)"
exits 0 '' "an entry may go when its certificate has expired" publish
restore
chmod o+w "$www"
exits 2 '/www .*chmod o-w' "a directory that is open to all is refused" publish
chmod o-w "$www"
printf garbage >"$www/crl-bundle.pem"
exits 0 '' "garbage in the directory is replaced" publish
claim "as it was" untouched
YKENROLL_HOME=$T/other ykenroll init --name Other --recovery-out "$T/other.key" --ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass" >/dev/null
exits 9 'crl-bundle.pem' "another CA's directory is refused" ykenroll ca publish "$www" --home "$T/other"
claim "what was there stays" untouched

# ---- reload ----
exits 0 '' "a reload command is words, not a shell" publish --reload "touch '$T/a b' \"$T/c;d\" $T/\$HOME"
claim "which are taken as they are" [ -e "$T/a b" -a -e "$T/c;d" -a -e "$T/\$HOME" ]
exits 0 'hello' "its output is on standard error" publish --reload 'echo hello' --json
claim "and not between ours" jq -e .reloaded "$T/out"
exits 1 'sh .* status 3$' "its failure is told" publish --reload "sh -c 'exit 3'"
exits 1 '/nonexistent' "one that is not there" publish --reload /nonexistent
rm -rf "$www"
exits 2 "touch 'x$" "a quote without its end" publish --reload "touch 'x"
claim "is known before anything is written" [ ! -e "$www/ca-bundle.pem" ]
rm "$pub/root.crl"
exits 11 '' "nothing is reloaded when nothing is published" publish --reload "touch $T/never"
claim "indeed" [ ! -e "$T/never" ]
restore

# ---- a reader that polls sees whole files only ----
ykenroll signer --ca-pass "file:$T/pass" 2>/dev/null &
signer=$!
for _ in $(seq 9000); do [ -S "$T/home/signer.sock" ] && break; sleep 0.3; done
cat >"$T/poll.py" <<'PY'
import os, subprocess, sys
www, stop, reads, bad, last = sys.argv[1], sys.argv[2], 0, [], {}
while not os.path.exists(stop) or reads < 300:
    for name, n in ('crl-bundle.pem', 2), ('ca-bundle.pem', 2), ('issuing.crl.pem', 1):
        try:
            text = open(os.path.join(www, name)).read()
        except OSError as e:
            bad.append(f'{name}: {e}')
            continue
        reads += 1
        if text.count('-----BEGIN') != n or text.count('-----END') != n or not text.endswith('-----\n'):
            bad.append(f'{name}: {len(text)} bytes')
        if 'crl' not in name or last.get(name) == text:
            continue
        last[name] = text
        r = subprocess.run(['openssl', 'crl', '-noout', '-CAfile', www + '/issuing.crt.pem'], input=text, capture_output=True, text=True)
        if 'verify OK' not in r.stdout + r.stderr:
            bad.append(f'{name}: does not verify')
print(reads, 'reads', *bad, sep='\n')
sys.exit(len(bad) > 0)
PY
python3 "$T/poll.py" "$www" "$T/stop" >"$T/poll.out" &
poll=$!
i=0
while [ $i -lt 25 ]; do
	ykenroll ca crl >/dev/null
	publish >/dev/null &
	publish >/dev/null
	wait $!
	i=$((i + 1))
done
touch "$T/stop"
wait "$poll"
rc=$?
claim "a reader saw whole files only ($(head -1 "$T/poll.out"), two publishers, 25 CRLs)" sh -c 'cat "$1"; exit "$0"' $rc "$T/poll.out"

# ---- killed while it publishes ----
if command -v strace >/dev/null; then
	hit=0
	for at in unlink:4 openat:20 write:2 fsync:1 fsync:2 fsync:3 rename:1 rename:2 rename:3 fsync:4; do
		ykenroll ca crl >/dev/null
		strace -qq -o /dev/null -e trace="${at%:*}" -e inject="${at%:*}:signal=SIGKILL:when=${at#*:}" \
			ykenroll ca publish "$www" >/dev/null 2>&1 || hit=$((hit + 1))
		claim "killed at $at: every CRL there verifies" eval 'good -in "$www/crl-bundle.pem" -CAfile "$www/issuing.crt.pem" &&
			good -inform DER -in "$www/issuing.crl" -CAfile "$www/issuing.crt.pem"'
		exits 0 '' "killed at $at: run again" publish
		claim "and all is there, and nothing else" eval 'cmp "$www/issuing.crl.pem" "$pub/issuing.crl" && [ "$(ls -A "$www" | wc -l)" = 10 ]'
	done
	claim "the kills hit ($hit of 10)" [ "$hit" -ge 8 ]
else
	echo "# no strace: not killed anywhere"
fi
kill "$signer"
wait "$signer" 2>/dev/null
finish
