# SPDX-License-Identifier: BSD-2-Clause
# Sourced by the checks of the sources in this folder: TAP, a claim for each thing that nobody may offend against.
n=0 bad=0
claim() { # claim TEXT OFFENDERS: there are none
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		bad=1
		echo "not ok $n - $1"
		echo "$2" | sed 's/^/# /' | head -40
	fi
}

finish() {
	echo "1..$n"
	exit $bad
}
