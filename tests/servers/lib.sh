# SPDX-License-Identifier: BSD-2-Clause
# Sourced by what needs real web servers, inside a lab, behind ../flow/lib.sh:
#
#	. ../flow/lib.sh; . ./lib.sh
#	in_lab "$(pwd)/this.sh" --tokens 3 --firmware 5.7.1
#	servers_make			two CAs of one name, people, states
#	server_start nginx fresh	start it; server_port nginx says where
#	server_state nginx expired	other files in its directory, and a reload
#	server_stop nginx		servers_stop: all, and the application
#
# Servers: nginx apache haproxy caddy, each with its configuration exactly as `ykenroll server` prints it. Around it
# is only what a service has elsewhere: pid and log files, the user, modules, directories for temporary files, Caddy's
# admin socket and no port 80. Behind them is echo.py.
#
# People: token 1 Alice, good. Token 2 Bob, revoked. Token 3 Mallory, of another CA with the same names.
# States, each a directory $S/state/NAME that a server may read:
#	older	Bob is not revoked yet		fresh	Bob is
#	expired	the issuing CA's CRL ended	rootexpired	the root's did
#	future	the issuing CA's is of tomorrow	noroot	the root's is not there
#	large	fresh, with 100,000 more entries
OPENSC=${OPENSC:-$(ls /usr/lib/*/opensc-pkcs11.so 2>/dev/null | head -1)}
# QUICK: one of them; tests/matrix.sh servers has all.
[ -z "${QUICK-}" ] || SERVERS=${SERVERS:-nginx}
SERVERS=${SERVERS:-nginx apache haproxy caddy}
STATES='older fresh expired rootexpired future noroot large'
PATH=$PATH:/usr/sbin:/sbin
BACKEND=8080
SERVERS_DIR=$(pwd)

server_port() {
	case $1 in nginx) echo 8441 ;; apache) echo 8442 ;; haproxy) echo 8443 ;; caddy) echo 8444 ;; esac
}

# ---- CAs, people, states ----

sql_blob() { # sql_blob HOME QUERY: a hex() column as bytes
	sqlite3 "$1/registry.db" "$2" | python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read().strip()))'
}

cert_of() { # cert_of HOME KEY: the holder's newest certificate, PEM
	sql_blob "$1" "SELECT hex(c.der) FROM certificates AS c JOIN works AS w ON w.id = c.work JOIN holders AS h ON h.id = w.holder
		WHERE h.key = '$2' AND c.der IS NOT NULL ORDER BY c.id DESC LIMIT 1" | openssl x509 -inform DER
}

# lie CA NUMBER FROM TO [FILE]: a CRL that the program would not sign, with the CA's own key. FILE: lines of index.txt
lie() {
	rm -rf "$S/lie" && mkdir -p "$S/lie" && : >"$S/lie/index.txt" && echo "$2" >"$S/lie/crlnumber" || return 1
	[ -z "${5-}" ] || cp "$5" "$S/lie/index.txt"
	cat >"$S/lie/cnf" <<-CNF
		[ca]
		default_ca = c
		[c]
		database = $S/lie/index.txt
		crlnumber = $S/lie/crlnumber
		default_md = sha256
		crl_extensions = e
		[e]
		authorityKeyIdentifier = keyid
	CNF
	openssl ca -config "$S/lie/cnf" -gencrl -cert "$T/home/pub/$1.crt" -keyfile "$T/home/ca/$1.key" -passin "file:$T/pass" \
		-crl_lastupdate "$(date -u -d "$3" +%Y%m%d%H%M%SZ)" -crl_nextupdate "$(date -u -d "$4" +%Y%m%d%H%M%SZ)" 2>"$S/lie/err"
}

revoked_line() { # revoked_line SERIAL: for index.txt
	printf 'R\t%s\t%s,keyCompromise\t%s\tunknown\t/CN=x\n' "$(date -u -d '300 days' +%y%m%d%H%M%SZ)" \
		"$(date -u -d '1 hour ago' +%y%m%d%H%M%SZ)" "$1"
}

# One that was good until an hour ago, as if it had been made a month ago.
old_probe() {
	mkdir -p "$S/old" && : >"$S/old/index.txt" && echo 5000000000000000000000000000BEEF >"$S/old/serial" || return 1
	cat >"$S/old/cnf" <<-CNF
		[ca]
		default_ca = c
		[c]
		database = $S/old/index.txt
		serial = $S/old/serial
		new_certs_dir = $S/old
		default_md = sha256
		policy = p
		x509_extensions = e
		[p]
		commonName = supplied
		[e]
		basicConstraints = critical,CA:FALSE
		keyUsage = critical,digitalSignature
		extendedKeyUsage = clientAuth
		authorityKeyIdentifier = keyid
	CNF
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/old/key" -out "$S/old/csr" -subj '/CN=ykenroll probe' 2>"$S/old/err" &&
		openssl ca -batch -notext -config "$S/old/cnf" -in "$S/old/csr" -out "$S/old/crt" -cert "$T/home/pub/issuing.crt" \
			-keyfile "$T/home/ca/issuing.key" -passin "file:$T/pass" -startdate "$(date -u -d '30 days ago' +%Y%m%d%H%M%SZ)" \
			-enddate "$(date -u -d '1 hour ago' +%Y%m%d%H%M%SZ)" 2>>"$S/old/err" || return 1
	mkdir -p "$T/home/probe" && printf 0123456789abcdef >"$T/home/probe/passphrase" && cp "$S/old/crt" "$T/home/probe/live.crt" &&
		openssl pkcs8 -topk8 -scrypt -in "$S/old/key" -passout "file:$T/home/probe/passphrase" -out "$T/home/probe/live.key"
}

# state_make NAME FROM ISSUING-CRL ROOT-CRL: a copy of a published directory with other CRLs
state_make() {
	rm -rf "$S/state/$1" && cp -a "$S/state/$2" "$S/state/$1" && cat "$3" "$4" >"$S/state/$1/crl-bundle.pem"
}

server_certificate() { # the servers' own, from a CA of their own: which one does not matter to who logs in
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/web-ca.key" -out "$S/web-ca.crt" \
		-subj /CN=web-ca -addext keyUsage=critical,keyCertSign,cRLSign -days 30 2>/dev/null &&
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/server.pem.key" -out "$S/server.csr" \
			-subj /CN=web.test 2>/dev/null &&
		printf 'subjectAltName=DNS:web.test,DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n' >"$S/server.ext" &&
		openssl x509 -req -in "$S/server.csr" -CA "$S/web-ca.crt" -CAkey "$S/web-ca.key" -CAcreateserial -days 30 \
			-extfile "$S/server.ext" -out "$S/server.pem" 2>/dev/null
}

people_make() {
	make_ca || return 1
	printf %s "$(cat "$T/pin")" >"$T/rawpin" # a newline would be part of the PIN
	YKENROLL_HOME=$T/other ykenroll init --name Test --rehearsal "$YKVIRT_ROOT" --recovery-out "$T/other.key" \
		--ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass" || return 1
	# the CA key is unlocked once
	ykenroll signer --ca-pass "file:$T/pass" &
	signer=$!
	for _ in $(seq 9000); do [ -S "$T/home/signer.sock" ] && break; sleep 0.2; done
	enroll Alice alice@example.org -d "$(lab_serial 1)" && enroll Bob bob@example.org -d "$(lab_serial 2)" || return 1
	cp -a "$T/home/pub" "$S/pub.older"
	ykenroll ca publish "$S/state/older" ${LEAVES-} &&
		ykenroll revoke bob@example.org --reason superseded && ykenroll ca publish "$S/state/fresh" ${LEAVES-} || return 1
	kill "$signer" && wait "$signer"
	YKENROLL_HOME=$T/other enroll Mallory alice@example.org -d "$(lab_serial 3)"
}

states_make() {
	fresh=$T/home/pub root=$T/home/pub/root.crl
	bob=$(cert_of "$T/home" bob@example.org | openssl x509 -noout -serial | cut -d= -f2)
	for one in $bob ${ALSO_REVOKED-}; do revoked_line "$one"; done >"$S/bob.txt"
	lie issuing 7000 '9 days ago' '1 hour ago' "$S/bob.txt" >"$S/expired.crl" || return 1
	lie issuing 7000 'tomorrow' '9 days' "$S/bob.txt" >"$S/future.crl" || return 1
	lie root 7000 '90 days ago' '1 hour ago' >"$S/rootexpired.crl" || return 1
	{ python3 -c '
import sys
line = sys.argv[1]
for i in range(100000):
    print(line.replace("SERIAL", "6A%030X" % i))' "$(revoked_line SERIAL)"; cat "$S/bob.txt"; } >"$S/many.txt"
	lie issuing 7000 '1 hour ago' '9 days' "$S/many.txt" >"$S/large.crl" || return 1
	state_make expired fresh "$S/expired.crl" "$root" && state_make rootexpired fresh "$fresh/issuing.crl" "$S/rootexpired.crl" &&
		state_make future fresh "$S/future.crl" "$root" && state_make noroot fresh "$fresh/issuing.crl" /dev/null &&
		state_make large fresh "$S/large.crl" "$root"
}

# In $S, which servers' users may read; $T is private.
servers_make() {
	S=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-servers.XXXXXX") || return 1
	trap 'servers_stop; rm -rf "$S"' EXIT
	chmod 755 "$S" && mkdir "$S/state" "$S/run" "$S/live" && chmod 755 "$S/state" "$S/run" "$S/live" || return 1
	export HOME="$S" XDG_CONFIG_HOME="$S/run" XDG_DATA_HOME="$S/run" XDG_CACHE_HOME="$S/run"
	grep -q web.test /etc/hosts || : # names go by --resolve
	LEAVES=$(ykenroll ca publish --help | grep -q -- --leaves && echo --leaves)
	people_make >"$S/people.log" 2>&1 && server_certificate && states_make ||
		{ sed 's/^/# /' "$S/people.log" >&2; return 1; }
	cert_of "$T/home" alice@example.org >"$S/alice.crt"
	cert_of "$T/home" bob@example.org >"$S/bob.crt"
	cert_of "$T/other" alice@example.org >"$S/mallory.crt"
	python3 "$SERVERS_DIR/echo.py" $BACKEND >"$S/run/echo.log" 2>&1 &
	echo $! >"$S/run/echo.pid"
	listens $BACKEND
}

# ---- servers ----

listens() { # listens PORT: within ten seconds
	hex=$(printf ':%04X' "$1")
	for _ in $(seq 9000); do
		cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v p="$hex$" '$2 ~ p && $4 == "0A" { f = 1 } END { exit !f }' && return 0
		sleep 0.1
	done
	return 1
}

wrap_nginx() {
	[ "$(id -u)" = 0 ] && echo "user root root;"
	cat <<-CNF
		daemon off;
		pid $S/run/nginx.pid;
		error_log $S/run/nginx.log info;
		events { }
		http {
			log_format who '\$ssl_client_verify \$ssl_client_serial \$ssl_protocol \$ssl_session_reused "\$request" \$status "\$http_user_agent"';
			access_log $S/run/nginx.access who;
			client_body_temp_path $S/run/nginx-body;
			proxy_temp_path $S/run/nginx-proxy;
			fastcgi_temp_path $S/run/nginx-fastcgi;
			uwsgi_temp_path $S/run/nginx-uwsgi;
			scgi_temp_path $S/run/nginx-scgi;
			include $S/run/nginx.printed;
		}
	CNF
}

wrap_apache() {
	for m in mpm_event authz_core ssl socache_shmcb headers proxy proxy_http; do
		echo "LoadModule ${m}_module /usr/lib/apache2/modules/mod_$m.so"
	done
	[ "$(id -u)" = 0 ] && printf 'User www-data\nGroup www-data\n'
	cat <<-CNF
		ServerRoot $S/run
		DefaultRuntimeDir $S/run
		PidFile $S/run/apache.pid
		Mutex posixsem
		ErrorLog $S/run/apache.log
		LogLevel info
		ServerName web.test
		SSLSessionCache shmcb:$S/run/apache-scache(512000)
		Listen $(server_port apache)
		Include $S/run/apache.printed
	CNF
}

wrap_haproxy() {
	printf 'global\n\tlog stderr format raw local0\n\tstats socket %s/run/haproxy.sock\n' "$S"
	printf 'defaults\n\tlog global\n\toption httplog\n\n'
	cat "$S/run/haproxy.printed"
}

wrap_caddy() {
	cat <<-CNF
		{
			admin unix/$S/run/caddy.sock
			storage file_system $S/run/caddy
			auto_https disable_redirects
		}
		import $S/run/caddy.printed
	CNF
}

server_log() { echo "$S/run/$1.log"; }
server_dir() { echo "$S/live/$1"; } # what it reads, and what publish would fill

server_test_command() {
	case $1 in
	nginx) echo "nginx -t -q -e stderr -c $S/run/nginx.conf" ;;
	apache) echo "apache2 -t -d $S/run -f $S/run/apache.conf" ;;
	haproxy) echo "haproxy -c -q -f $S/run/haproxy.conf" ;;
	caddy) echo "caddy validate --config $S/run/caddy.conf --adapter caddyfile" ;;
	esac
}

server_reload_command() {
	case $1 in
	nginx) echo "nginx -e stderr -c $S/run/nginx.conf -s reload" ;;
	apache) echo "kill -USR1 $(cat "$S/run/apache.server")" ;;
	haproxy) echo "kill -USR2 $(cat "$S/run/haproxy.server")" ;;
	caddy) echo "caddy reload --config $S/run/caddy.conf --adapter caddyfile --address unix/$S/run/caddy.sock" ;;
	esac
}

# server_files SERVER STATE: put the state's files into its directory
server_files() {
	mkdir -p "$(server_dir "$1")" && cp -a "$S/state/$2/." "$(server_dir "$1")/" || return 1
	[ ! -f "$(server_dir "$1")/leaves.caddy" ] || sed -i "s,$S/state/$2/,$(server_dir "$1")/,; s,$S/state/fresh/,$(server_dir "$1")/," "$(server_dir "$1")/leaves.caddy"
}

# server_print SERVER OPTIONS…: its configuration as it is used
server_print() {
	which=$1
	shift
	ykenroll server "$which" --name web.test --dir "$(server_dir "$which")" --listen "$(server_port "$which")" \
		--backend "http://127.0.0.1:$BACKEND" --certificate "$S/server.pem" --key "$S/server.pem.key" "$@" \
		>"$S/run/$which.printed" && "wrap_$which" >"$S/run/$which.conf"
}

server_run() { # its process takes the place of this shell
	case $1 in
	nginx) exec nginx -e "$S/run/nginx.log" -c "$S/run/nginx.conf" ;;
	apache) exec apache2 -d "$S/run" -f "$S/run/apache.conf" -DFOREGROUND ;;
	haproxy) exec haproxy -W -db -f "$S/run/haproxy.conf" ;;
	caddy) exec caddy run --config "$S/run/caddy.conf" --adapter caddyfile ;;
	esac
}

# server_start SERVER STATE OPTIONS-OF-ykenroll-server…
server_start() {
	one=$1
	server_files "$1" "$2" || return 1
	shift 2
	server_print "$one" "$@" && server_go "$one"
}

server_go() { # server_go SERVER: with the files that are there
	one=$1
	(server_run "$one") >>"$S/run/$one.log" 2>&1 </dev/null &
	echo $! >"$S/run/$one.server"
	listens "$(server_port "$one")" && return 0
	tail -20 "$S/run/$one.log" >&2
	return 1
}

server_alive() { kill -0 "$(cat "$S/run/$1.server")" 2>/dev/null; }

# How often a server has said that it is at work with its configuration.
generations() {
	case $1 in
	nginx) grep -c 'start worker process ' "$S/run/nginx.log" ;;
	apache) grep -c 'resuming normal operations' "$S/run/apache.log" ;;
	haproxy) grep -c 'Loading success' "$S/run/haproxy.log" ;;
	caddy) echo 0 ;;
	esac
}

# Waits until the new configuration is in force.
server_reload() {
	was=$(generations "$1")
	$(server_reload_command "$1") >>"$S/run/$1.log" 2>&1 || return 1
	reloaded "$1" "$was"
}

reloaded() { # reloaded SERVER GENERATION: waits until there is another
	[ "$1" = caddy ] && return 0 # says so by itself
	for _ in $(seq 9000); do
		[ "$(generations "$1")" != "$2" ] && sleep 0.3 && return 0
		sleep 0.1
	done
	return 1
}

server_state() { server_files "$1" "$2" && server_reload "$1"; }

server_stop() {
	[ -f "$S/run/$1.server" ] || return 0
	pid=$(cat "$S/run/$1.server")
	rm -f "$S/run/$1.server"
	kill -TERM "$pid" 2>/dev/null
	for _ in $(seq 50); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}

servers_stop() {
	for one in $SERVERS; do server_stop "$one"; done
	[ ! -f "$S/run/echo.pid" ] || kill "$(cat "$S/run/echo.pid")" 2>/dev/null
	return 0
}

# ---- clients ----

# visit SERVER PERSON CURL-OPTIONS…: the page in $S/body, what was said in $S/said; prints the HTTP status, or
# "alert" and curl's status. PERSON: Alice Bob Mallory, by their tokens; none.
visit() {
	server=$1 person=$2
	shift 2
	case $person in
	none) ;;
	*) set -- --cert "pkcs11:token=$person;id=%01;pin-source=$T/rawpin" "$@" ;;
	esac
	rm -f "$S/body"
	code=$(PKCS11_MODULE_PATH=$OPENSC timeout 1800 curl -sS --cacert "$S/web-ca.crt" --resolve "web.test:$(server_port "$server"):127.0.0.1" \
		-o "$S/body" -w '%{http_code}' "$@" "https://web.test:$(server_port "$server")/" 2>"$S/said")
	rc=$?
	[ $rc = 0 ] && echo "$code" || echo "alert $rc"
}

# Options of openssl s_client for a token: the engine in Debian 12, which Debian 13 still has.
s_client_token() { # s_client_token PERSON
	echo "-engine pkcs11 -keyform engine -cert $S/$(echo "$1" | tr A-Z a-z).crt -key pkcs11:token=$1;id=%01;type=private -pass file:$T/rawpin"
}

talk() { # talk SERVER TLS OPTIONS…: openssl s_client, standard input to the server, and no renegotiation by a letter
	port=$(server_port "$1") version=-tls$(echo "$2" | tr . _)
	shift 2
	PKCS11_MODULE_PATH=$OPENSC timeout 1800 openssl s_client -connect "127.0.0.1:$port" -servername web.test -CAfile "$S/web-ca.crt" \
		"$version" -ign_eof "$@"
}
