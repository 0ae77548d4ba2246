#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does what runs at night do what it says: units that systemd accepts, and commands, taken from them word for word, that
# renew what ends soon, and nothing else?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/rotate.sh" --tokens 1 --firmware 5.7.1
build=$(cd "$(dirname "$(command -v ykenroll)")/.." && pwd)
make_ca >"$T/init.log" 2>&1

# ---- the units ----
mkdir "$T/units"
cp ../../doc/systemd/*.socket ../../doc/systemd/*.timer "$T/units/"
for u in signer ocsp rotate; do
	sed "s,^ExecStart=[^ ]*,ExecStart=$(command -v ykenroll)," "$build/doc/systemd/ykenroll-$u.service" >"$T/units/ykenroll-$u.service"
done
sed -i '/^Documentation=/d' "$T/units/"* # verify wants the page to be installed
if command -v systemd-analyze >/dev/null; then
	claim "systemd-analyze verify has nothing to say" sh -c '! systemd-analyze verify "$T"/units/* 2>&1 | grep -v "^Failed to.*locale"'
	claim "planted: it has, of a word that is wrong" sh -c 'mkdir "$T/bad" && sed "s/^Type=oneshot/Type=onshot/" "$T/units/ykenroll-rotate.service" \
		>"$T/bad/ykenroll-rotate.service" && systemd-analyze verify "$T/bad/ykenroll-rotate.service" 2>&1 | grep -q onshot'
	for u in ocsp:20 rotate:10; do
		claim "and calls ykenroll-${u%:*} safe" systemd-analyze security --offline=true --threshold=${u#*:} "$T/units/ykenroll-${u%:*}.service"
	done
	claim "the timer runs every night" sh -c 'systemd-analyze calendar --iterations=2 "$(sed -n "s/^OnCalendar=//p" "$T/units/ykenroll-rotate.timer")" |
		grep -c 03:30:00 | grep -qx "[2-9]"'
else
	n=$((n + 1))
	echo "ok $n - systemd-analyze # SKIP no systemd-analyze"
fi

# ---- what they run ----
# Each ExecStart, with this home in place of the service's.
steps() { sed -n 's,^ExecStart=,,p' "$T/units/ykenroll-$1.service" | sed "s,/var/lib/ykenroll,$T/home,"; }
night() { steps rotate >"$T/steps" && while read -r line; do $line || return; done <"$T/steps"; }
finish
