#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does only who is on the list get into a part of a site, on each server: who is in, out, revoked, on hold, taken off the
# list, of another CA with the same serial number, and by whatever spelling of the path?
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
in_lab "$(pwd)/allow.sh" --tokens 3 --firmware 5.7.1

S=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-servers.XXXXXX") || exit 1
trap 'servers_stop; rm -rf "$S"' EXIT
chmod 755 "$S" && mkdir -m 755 "$S/state" "$S/state/none" "$S/run" "$S/live"
export HOME="$S" XDG_CONFIG_HOME="$S/run" XDG_DATA_HOME="$S/run" XDG_CACHE_HOME="$S/run"
SERVERS=${SERVERS_ALL-nginx apache haproxy caddy}

software() { # software NAME [PROFILE]: a certificate of that name whose key is in a file
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/$1.key" -subj /CN=x -out "$S/$1.csr" 2>/dev/null &&
		ca ca issue "$S/$1.csr" --profile "${2:-software}" --cn "$1" --out "$S/$1.crt"
}
ca() { verb=$1; shift; ykenroll "$verb" "$@" --ca-pass "file:$T/pass"; }
serial() { openssl x509 -in "$S/$1.crt" -noout -serial | cut -d= -f2; }

# is VERDICT-PATTERN SERVER WHO PATH…: each of them, as it is written, in one connection where that stays open. A path of
# https:… is the request's whole target. Verdict: the HTTP status, or 000 when the handshake fails
is() {
	pattern=$1 one=$2 who=$3 port=$(server_port "$2")
	shift 3
	first=$1
	for p; do
		[ "$p" = "$first" ] || echo next
		printf '%s\n' "http${version:-1.1}" 'path-as-is' 'silent' 'max-time = 20' "cacert = $S/web-ca.crt" "resolve = web.test:$port:127.0.0.1" \
			"output = $S/body" 'write-out = "%{http_code}\n"'
		[ "$who" = none ] || printf 'cert = %s\nkey = %s\n' "$S/$who.crt" "$S/$who.key"
		case $p in
		https:*) printf 'url = https://web.test:%s/\nrequest-target = %s\n' "$port" "$p" ;;
		*) printf 'url = "https://web.test:%s%s"\n' "$port" "$(printf %s "$p" | sed 's/\\/\\\\/g')" ;;
		esac
	done >"$S/visits"
	timeout 60 curl -K "$S/visits" >"$S/verdicts" 2>/dev/null
	[ "$(grep -Ecx "$pattern" "$S/verdicts")" = $# ] || { echo "$who at $*:"; cat "$S/verdicts"; return 1; }
}
no='400|403|404|000'

# place SERVER RELOAD: where ykenroll.conf has its files go, in the lines that the configuration quotes
place() {
	cp "$T/conf" "$T/home/ykenroll.conf"
	for path in /admin / /robots; do
		[ $path = /robots ] && who=profile=robot || who=$T/admins
		ykenroll server "$1" --name web.test --dir "$(server_dir "$1")" --path $path --allow "$who" | sed -n '/^#   \[publish/,/^#   allow/s/^#   //p'
		printf 'test = true\nreload = %s\n' "${2:-true}"
	done >>"$T/home/ykenroll.conf"
}
change() { # change SERVER COMMAND…: which has the servers told
	one=$1 before=$(generations "$1")
	shift
	"$@" && reloaded "$one" "$before"
}
found() { # found CODE ID PATH: what verify-server makes of it
	ykenroll verify-server "$at" --connect 127.0.0.1 --ca-file "$S/web-ca.crt" --path "$3" --json >"$T/found" 2>&1
	rc=$?
	[ "$rc $(jq -r .finding_id "$T/found")" = "$1 $2" ] || { cat "$T/found"; return 1; }
}
soon() { for _ in $(seq 9000); do "$@" >"$S/soon" && return 0; sleep 0.2; done; return 1; } # the former process ends by itself
admins() { printf '# who may administrate\n\n%s\n' "$1" >"$T/admins"; }

zoe() { # zoe N: with her token of that number
	printf %s "$(cat "$T/pin")" >"$T/rawpin"
	uri=$(ykenroll show --client curl -d "$(lab_serial "$1")" | grep -o 'pkcs11:manufacturer=piv_II;serial=[0-9a-f]*' | head -1)
	PKCS11_MODULE_PATH=$OPENSC curl -fsS -m 20 --cacert "$S/web-ca.crt" --resolve "web.test:$(server_port $s):127.0.0.1" \
		--cert "$uri;id=%01;pin-source=$T/rawpin" "https://web.test:$(server_port $s)/admin"
}
claim "a CA" make_ca
printf '\n[profile robot]\nbase = software\n' >>"$T/home/ykenroll.conf"
cp "$T/home/ykenroll.conf" "$T/conf"
for who in alice bob carol erin; do claim "$who" software $who; done
for s in $SERVERS; do claim "dave-$s and a robot" eval 'software "dave-$s" && software "robot-$s" robot'; done
claim "Zoe has a token" enroll Zoe zoe@example.org -d "$(lab_serial 1)"
claim "another Zoe, too" enroll Zoe zoe@example.net -d "$(lab_serial 3)"
claim "the servers' certificate" server_certificate
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/other.key" -out "$S/other.crt" -subj /CN=other-ca -days 30 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/mallory.key" -out "$S/mallory.csr" -subj /CN=alice 2>/dev/null
echo extendedKeyUsage=clientAuth >"$S/ext"
claim "Mallory's certificate, of another CA, with Alice's serial number and name" openssl x509 -req -in "$S/mallory.csr" -CA "$S/other.crt" \
	-CAkey "$S/other.key" -set_serial "0x$(serial alice)" -days 30 -extfile "$S/ext" -out "$S/mallory.crt"
printf '[ca]\ndefault_ca=c\n[c]\ndatabase=%s\ndefault_md=sha256\ndefault_crl_days=30\n' "$S/index" >"$S/cnf" && : >"$S/index"
claim "and that CA's CRL" openssl ca -config "$S/cnf" -gencrl -cert "$S/other.crt" -keyfile "$S/other.key" -out "$S/other.crl"
chmod 644 "$S"/*.crt
python3 echo.py $BACKEND >"$S/run/echo.log" 2>&1 &
echo $! >"$S/run/echo.pid"
claim "the application listens" listens $BACKEND

# ---- what is said before anything is printed ----
silent() { [ ! -s "$T/out" ]; }
admins "alice
nobody@example.org"
exits 2 "/admins, line 4: .* nobody@example.org" "a line that names nobody" ykenroll server nginx --path /admin --allow "$T/admins"
claim "prints nothing" silent
admins Zoe
exits 6 "/admins, line 3: .* Zoe" "one that names two" ykenroll server nginx --path /admin --allow "$T/admins"
claim "prints nothing" silent
exits 2 "/missing" "a file that is not there" ykenroll server nginx --path /admin --allow "$T/missing"
exits 2 " operater" "a profile that nobody has" ykenroll server nginx --path /admin --allow profile=operater
exits 2 '--path .*--allow' "a list without a path" ykenroll server nginx --allow "$T/admins"
exits 2 '--path .*--allow' "a path without a list" ykenroll server nginx --path /admin
admins alice
for path in admin //admin '/a b' '/a;b' /x/../admin /.x; do
	exits 2 '--path: ' "the path $path" ykenroll server nginx --path "$path" --allow "$T/admins"
done
claim "no path breaks out" python3 printed.py path "${ROUNDS:-20}" "$T/admins"
exits 12 "traefik .* /admin" "Traefik cannot" ykenroll server traefik --path /admin --allow "$T/admins"
claim "and prints nothing" silent
chmod 666 "$T/admins"
exits 2 "/admins " "a list that others can write" ykenroll server nginx --path /admin --allow "$T/admins"
chmod 600 "$T/admins"
exits 0 '' "a list named by its profile" ykenroll server nginx --path /admin/ --allow profile=software --json
claim "and JSON names it" jq -e '.configuration | test("allow.admin = profile=software")' "$T/out"

# ---- on each server; with QUICK what is not the server's own affair is tried on the first one only ----
whole() { [ -z "${QUICK-}" ] || [ "$s" = "${SERVERS%% *}" ]; }
for s in $SERVERS; do
	admins "  alice   # by name
$(serial carol)
dave-$s
$(printf 'erin\r')
zoe@example.org"
	mkdir -p -m 755 "$(server_dir $s)"
	place $s ''
	claim "$s: published" ykenroll ca publish
	claim "$s: five lists, of five people (Zoe's token among them)" [ "$(grep -vc '^#' "$(server_dir $s)/allow-admin.haproxy")" = 5 ]
	claim "$s: starts" eval 'server_print $s --path /admin --allow "$T/admins" && server_go $s'
	place $s "$(server_reload_command $s)"
	claim "$s: on the list is in" is 200 $s alice /admin /admin/ /admin/x /admin?x=1 /Admin
	claim "$s: not on it is out" is 403 $s bob /admin /admin/ /admin/x /admin?x=1 /admin/x/y
	claim "$s: but elsewhere in" is 200 $s bob / /x /administrator /x/admin '/x?to=/../admin%2f;//' /a.b/...c /a%20b
	for version in 1.1 2; do
		[ $version = 1.1 ] || [ $s = caddy ] || continue
		claim "$s: by no other spelling, HTTP/$version" is "$no" $s bob /Admin /ADMIN/ //admin /admin%2f /admin%2F /%2fadmin /x/../admin /x/%2e%2e/admin /./admin \
		/x/..%2fadmin /%61dmin /%41dmin/ '/admin;x' '/admin;x/y' '/x/..;/admin' '/admin%3bx' '/x\..\admin' /x%5c..%5cadmin /admin%00 /admin%0a /admin/../admin \
			/admin/. /admin//
	done
	claim "$s: nor by the whole address" is "$no" $s bob https://web.test/admin "https://web.test:$(server_port $s)/admin" https://web.test//admin
	claim "$s: of a key in a token, too" zoe 1
	claim "$s: Carol is in" is 200 $s carol /admin
	claim "$s: on hold" change $s ca suspend "$(serial carol)"
	claim "$s: she is out, of all" is "$no" $s carol /admin /
	claim "$s: and on no list" [ "$(grep -vc '^#' "$(server_dir $s)/allow-admin.haproxy")" = 4 ]
	claim "$s: released" change $s ca resume "$(serial carol)"
	claim "$s: she is in" is 200 $s carol /admin
	claim "$s: Dave is in" is 200 $s dave-$s /admin
	claim "$s: revoked" change $s ca revoke "$(serial dave-$s)" --reason superseded
	claim "$s: he is out" is "$no" $s dave-$s /admin /
	claim "$s: Erin is in" is 200 $s erin /admin
	sed -i '/^erin/d' "$T/admins"
	claim "$s: who left the list" change $s ykenroll ca publish
	claim "$s: is out there, and in elsewhere" eval 'is 403 $s erin /admin && is 200 $s erin /'
	echo bob >>"$T/admins"
	claim "$s: who came to it" change $s ykenroll ca publish
	claim "$s: is in" is 200 $s bob /admin

	# verify-server has certificates of its own for it
	at="https://web.test:$(server_port $s)/"
	claim "$s: verify-server: certificates" ca verify-server --prepare --path /admin
	echo 'ykenroll probe listed' >>"$T/admins"
	claim "$s: one of them is on the list" change $s ykenroll ca publish
	claim "$s: another one is revoked" ca verify-server --prepare "$at" --path /admin --connect 127.0.0.1 --ca-file "$S/web-ca.crt"
	claim "$s: and the server told" change $s ykenroll ca publish
	claim "$s: verify-server proves the list" found 0 right /admin
	claim "$s: and finds a part of the site that is open" found 13 path-open /x
	sed -i '/^ykenroll probe/d' "$T/admins"
	claim "$s: taken off the list" change $s ykenroll ca publish
	claim "$s: verify-server finds that it is out" found 13 path-refuses /admin

	if whole; then
		# a line that names nobody lets nobody in, holds up nothing, and is said
		printf 'bob\nalicia\n' >"$T/admins"
		before=$(generations $s)
		exits 2 "allow.admin: .*line 2: .* alicia" "$s: a name that is wrong is said" ykenroll ca publish
		claim "$s: the others were told" eval 'reloaded $s "$before" && is 200 $s bob /admin && is 403 $s alice /admin'
	fi

	# a person's next token; the last server, since there is one of each
	if [ $s = "${SERVERS##* }" ]; then
		admins zoe@example.org
		claim "$s: Zoe's lost token" change $s ca reissue "$(lab_serial 1)" --reason lost -d "$(lab_serial 2)" --pin "file:$T/pin"
		ykenroll token export 9a "$S/zoe.crt" -d "$(lab_serial 2)"
		claim "$s: her next one alone is on the list" [ "$(grep -v '^#' "$(server_dir $s)/allow-admin.haproxy")" = \
			"$(openssl x509 -in "$S/zoe.crt" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-Z a-z)" ]
		claim "$s: she is in with it" zoe 2
		refuse "$s: and not with the lost one" zoe 1
	fi

	if whole; then
		# what the list's file says is obeyed as soon as it is there
		ykenroll ca publish --watch >"$S/watch.out" 2>&1 &
		watch=$!
		for _ in $(seq 9000); do grep -q '3 lists' "$S/watch.out" && break; sleep 0.1; done
		admins bob
		for _ in $(seq 9000); do is 200 $s bob /admin >/dev/null && break; sleep 0.1; done
		claim "$s: ca publish --watch sees the file change" is 200 $s bob /admin
		kill $watch && wait $watch
	fi

	# another CA in the same bundle
	printf 'alice\n' >"$T/admins"
	claim "$s: Alice alone" change $s ykenroll ca publish
	cat "$S/other.crt" >>"$(server_dir $s)/ca-bundle.pem" && cat "$S/other.crl" >>"$(server_dir $s)/crl-bundle.pem"
	[ $s != caddy ] || sed -i "s,.*trusted_ca_cert_file.*root.crt.pem,&\ntrusted_ca_cert_file $S/other.crt," "$S/run/caddy.printed"
	claim "$s: another CA's clients are let in" eval 'server_reload $s && { [ $s = caddy ] || soon is 200 $s mallory /; }'
	claim "$s: but Alice's serial number and name are not Alice" eval 'is "$no" $s mallory /admin && is 200 $s alice /admin'

	# many
	for kind in nginx apache haproxy caddy; do
		python3 - "$(server_dir $s)/allow-admin.$kind" <<-'MANY'
			import re, sys
			path = sys.argv[1]
			lines = open(path).read().splitlines(True)
			at = next(i for i, line in enumerate(lines) if re.match(r"'?[0-9a-f]{40}", line))
			more = [re.sub(r'[0-9a-f]{40,64}', lambda m: '%0*x' % (len(m[0]), 7 * i), lines[at].replace(' }"', ', \\')) for i in range(3000)]
			open(path, 'w').write(''.join(lines[:at] + more + lines[at:]))
		MANY
	done
	claim "$s: a list of 3000 is read, and Alice is in it" eval 'server_reload $s && is 200 $s alice /admin && is 403 $s bob /admin'
	server_stop $s
	claim "$s, certificates optional" eval 'ykenroll ca publish --force; server_print $s --optional --path /admin --allow "$T/admins" && server_go $s'
	claim "$s: without one, out there and in elsewhere" eval 'is 403 $s none /admin /admin/ && is 200 $s none /'
	claim "$s: with one as above" eval 'is 200 $s alice /admin && is 403 $s bob /admin && is 200 $s bob /'
	server_stop $s
	whole || continue
	claim "$s, a list by profile" eval 'server_print $s --path /robots --allow profile=robot && server_go $s'
	place $s "$(server_reload_command $s)"
	claim "$s: a robot is in, people are out there, and in elsewhere" eval 'is 200 $s robot-$s /robots /robots/x && is 403 $s alice /robots /ROBOTS/x && is 200 $s alice /'
	claim "$s: another robot" eval 'software next-$s robot && change $s ykenroll ca publish'
	claim "$s: is in" is 200 $s next-$s /robots
	claim "$s: the first one revoked" change $s ca revoke "$(serial robot-$s)" --reason superseded
	claim "$s: it is out" is "$no" $s robot-$s /robots /
	server_stop $s
	claim "$s, all of the site" eval 'server_print $s --path / --allow "$T/admins" && server_go $s'
	claim "$s: Alice alone is in" eval 'is 200 $s alice / /x && is "$no" $s bob / /x /admin'
	server_stop $s
done
finish
