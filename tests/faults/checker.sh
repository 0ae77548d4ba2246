#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does checker.py see what the fault tests rely on it for? An enrolment without a fault, and then one defect at a time.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh

V=5.7.1
# check OPTIONS…: the point $P, which is in $T/$V
check() { (cd "$T/$V" && python3 "$here/checker.py" --key plain.key --pass "$T/rpass" "$@" "${P##*/}"); }

# planted PATTERN OPTIONS -- COMMAND…: the command is done to a copy of a good point; a complaint must match
planted() {
	pattern=$1 options=
	shift
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	P=$T/$V/planted
	rm -rf "$P"
	cp -a "$T/$V/good" "$P"
	case "$*" in "sql "*) shown="sql ${2%%WHERE*}" ;; *) shown=$* ;; esac
	if ! "$@" >"$T/plant.out" 2>&1; then
		claim "planted: $shown" not cat "$T/plant.out"
		return
	fi
	claim "seen: $shown" complains "$pattern" $options
}
complains() {
	pattern=$1
	shift
	check "$@" >"$T/said" 2>&1
	[ $? = 1 ] && grep -Eq "^planted: $pattern" "$T/said" && return 0
	cat "$T/said"
	return 1
}

# ---- what is done to a point ----

sql() { sqlite3 "$P/home/registry.db" "$1"; }
key() { jq "$1" "$P/key.json" >"$P/key.new" && mv "$P/key.new" "$P/key.json"; }
log() { sqlite3 "$P/home/ca/issuance.db" "$1"; }
forged() { log "$1" && python3 ../flow/issuance.py forge "$P/home/ca/issuance.db"; } # its editor made the chain fit
bytes() { # bytes OFFSET: of the log's file, a page's worth is lost
	log 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null && dd if=/dev/zero of="$P/home/ca/issuance.db" bs=1 seek="$1" count=4096 conv=notrunc status=none
}
last_page() { bytes $(($(stat -c %s "$P/home/ca/issuance.db") - 4096)); }
copied() { cp "$P/home/$1" "$P/home/$2"; }
removed() { rm -r "$P/${1:?}"; }

# Seal what was sealed once more, changed by sed: as a program would that gets the value wrong.
resealed() { # resealed KIND SED
	escrowed_text "$1" | sed "$2" >"$P/text" &&
		openssl cms -encrypt -binary -aes-256-gcm -outform DER -in "$P/text" -out "$P/sealed" "$P/home/recovery.crt" &&
		sql "UPDATE secrets SET recovery = readfile('$P/sealed'),
			sha256 = x'$(sha256sum "$P/sealed" | cut -d' ' -f1)' WHERE kind = '$1'"
}
escrowed_text() {
	sql "SELECT writefile('$P/blob', recovery) FROM secrets WHERE kind = '$1'" >/dev/null &&
		openssl cms -decrypt -inform DER -in "$P/blob" -inkey "$T/$V/plain.key" -recip "$P/home/recovery.crt" | tr -d '\r'
}
flight_left_in_file() {
	mkdir "$P/before" && cp -a "$P/home" "$P/before" &&
		sqlite3 "$P/before/home/registry.db" "UPDATE secrets SET state = 'pending',
			flight = CAST('$(seq -s. 60)' AS BLOB) WHERE kind = 'puk'" &&
		seq -s. 60 | tr -d '\n' >"$P/home/registry.db-old"
}
second_active() {
	sql "DROP INDEX certificates_active; DROP INDEX certificates_work; DROP INDEX certificates_key_active;
		INSERT INTO certificates (serial, token, work, state, der, sha256, spki_sha256, not_before, not_after, changed)
		SELECT x'41000000000000000000000000000001', token, work, state, der, sha256, spki_sha256, not_before, not_after,
		changed FROM certificates"
}
orphan() { # one that is called revoked, which the CRL does not know
	sql "INSERT INTO certificates (serial, token, work, state, spki_sha256, not_before, not_after, changed, revoked, reason)
		SELECT x'41000000000000000000000000000001', token, work, 'revoked', spki_sha256, not_before, not_after,
		changed, changed, 4 FROM certificates"
}

inside_enroll() {
	do_enroll >"$P/enroll.out" 2>&1 && check --live --pin "$T/pin" >"$P/live.out" 2>&1 || return 1
	cp -a "$P" "$T/$V/good" && P=$T/$V/good && removed key.json && cp "$P/lab/key-1.json" "$P/key.json" || return 1
	P=$T/$V/planted
	cp -a "$T/$V/good" "$P" && resealed management-key 's/^value ./value 0/; s/^value 0\(.\)./value 0\10/' &&
		complains 'live: ykman cannot authenticate' --live >"$P/../live-planted"
}

case ${1-} in
inside-enroll) inside_enroll; exit ;;
esac

start
claim "a home and a key" template $V
# to decrypt it takes longer than anything else here
openssl pkey -in "$T/$V/recovery.key" -passin "file:$T/rpass" -out "$T/$V/plain.key"
in_point enroll $V x
claim "a live token: ykman agrees, and does not when escrow has another key" ended_well $V p-x
P=$T/$V/good
claim "nothing is wrong with an enrolment without a fault" check --pin "$T/pin"
claim "nor with what it is in between" check --mode interrupted
claim "nor with its CA" check --mode init

planted 'I5: .*management-key' -- resealed management-key 's/^value ..../value 0000/'
planted 'I5: .*puk' -- resealed puk 's/^value ..../value 0000/'
planted "I5: .*management-key .*'99'" -- resealed management-key 's/^serial .*/serial 99/'
planted "I5: .*puk .*'management-key'" -- resealed puk 's/^kind .*/kind management-key/'
planted 'I5: .*puk' -- sql "UPDATE secrets SET recovery = x'3000' WHERE kind = 'puk'"
planted 'I5: .*puk' -- sql "UPDATE secrets SET sha256 = zeroblob(32) WHERE kind = 'puk'"
planted 'I5: .*management-key' --mode interrupted -- key '.management_key.value |= "00" + .[2:]'
planted 'I5: .*puk' --mode interrupted -- sql "DELETE FROM secrets WHERE kind = 'puk'"
planted 'I5: recovery.crt' --mode init -- copied pub/issuing.crt recovery.crt
planted 'I3: 2 ' -- second_active
planted 'I3: 0 ' -- sql "UPDATE certificates SET state = 'superseded'"
planted 'I3: [0-9a-f]{10,} .*CRL' -- orphan
planted 'I3: [0-9a-f]{10,} .*CRL' -- sql "UPDATE certificates SET state = 'dropped'"
planted 'I3: .* issued$' -- sql "UPDATE certificates SET state = 'issued'"
planted 'I2: .*CA .*[0-9a-f]{10,}' --mode interrupted -- sql "PRAGMA foreign_keys = 0; DELETE FROM certificates"
planted 'I2: .*[0-9A-F]{10,} .*CA' -- sql "UPDATE certificates SET der = x'3000'"
planted 'I2: row [0-9]+: [0-9a-f]{10,} ' -- log "DELETE FROM rows WHERE what = 'intent' AND text = 'client'"
planted 'I2: row [0-9]+: ' -- log "UPDATE rows SET data = zeroblob(length(data)) WHERE what = 'intent' AND text = 'client'"
planted 'I2: row [0-9]+: ' -- forged "UPDATE rows SET data = zeroblob(length(data)) WHERE what = 'intent' AND text = 'client'"
planted 'I2: .* [0-9a-f]{10,} ' -- log "DELETE FROM rows WHERE n = (SELECT max(n) FROM rows) AND what = 'signed'"
planted 'I2: row [0-9]+: CRL' --mode init -- log "DELETE FROM rows WHERE what = 'crl-intent' AND ca = 'issuing'"
planted 'log: row 2 ' --mode init -- log "UPDATE rows SET peer = 77777 WHERE n = 2"
planted 'log: row 2 ' --mode init -- log "DELETE FROM rows WHERE n = 2"
planted 'log: .* row 2' --mode init -- log "UPDATE rows SET n = n + 1000 WHERE n IN (1, 2);
	UPDATE rows SET n = 1 WHERE n = 1002; UPDATE rows SET n = 2 WHERE n = 1001"
planted 'log: certs: ' -- log "UPDATE certs SET revoked_at = 1, reason = 4 WHERE serial = (SELECT max(serial) FROM certs)"
planted 'log: certs: ' -- log "DELETE FROM certs WHERE serial = (SELECT max(serial) FROM certs)"
planted 'log: sums ' -- log "UPDATE sums SET stale = 1 - stale"
planted 'log: sums ' -- log "UPDATE sums SET issuing_number = issuing_number - 1"
planted 'log: .*rows' --mode interrupted -- log "DELETE FROM rows"
planted '(log: |.*: [A-Z][A-Za-z]+: )' --mode interrupted -- last_page
planted '(log: |.*: [A-Z][A-Za-z]+: )' --mode interrupted -- bytes 0
planted 'I7: .*CRL' --mode init -- copied pub/root.crl pub/issuing.crl
planted 'I1: openssl ' -- copied ca/rehearsal-root.pem pub/root.crt
planted 'I1: ' -- key '.objects["5fc105"] |= .[:200] + "00" + .[202:]'
planted 'I1: no ' -- key 'del(.objects["5fc105"])'
planted 'I1: .*9A ' -- key '.slots["9a"].key = .slots.f9.key'
planted 'I1: no .*9A' -- key '.slots["9a"].origin = 2'
planted 'I1: .*PIN' --pin "$T/pin" -- key '.pin.value = "313233343536ffff"'
planted 'I1: .*issued' -- sql "UPDATE tokens SET state = 'issued'"
planted 'I1: ' -- sql "UPDATE works SET closed = NULL, outcome = NULL"
planted 'I4: .*[0-9]' -- key '.witness.refused_change = 1'
planted 'I4: puk: 2 of 3' --mode interrupted -- key '.puk.left = 2'
planted 'I8: audit row 3' --mode interrupted -- sql "UPDATE audit SET detail = detail || ' ' WHERE seq = 3"
planted 'I8: audit row 3' -- sql "DELETE FROM audit WHERE seq = 3"
planted 'I8: .*finish' -- sql "DELETE FROM audit WHERE action = 'finish'"
planted 'I9: ' -- sql "UPDATE secrets SET state = 'pending', flight = x'00' WHERE kind = 'puk'"
planted 'I9: ' -- flight_left_in_file
planted '.*: [A-Z][A-Za-z]+: ' -- removed home/ca/issuance.db
planted '.*: [A-Z][A-Za-z]+: ' -- removed key.json
finish
