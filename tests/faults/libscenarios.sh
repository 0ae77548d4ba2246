# SPDX-License-Identifier: BSD-2-Clause
# Sourced by plans.sh: what happens to tokens after their first enrolment, each as
#   keys_NAME     so many keys are in the lab (1)
#   key_NAME      the number of the one that is interrupted (1)
#   before_NAME   makes the state that it begins with, in the lab, once
#   do_NAME       the command; its words may be preceded by a command that runs it ("$@")
#   again_NAME    what must succeed when all is done; if not there, do_NAME must say that nothing is to be done
#   recover_NAME  options that recover needs for it
#   judge_NAME    what the checker must find when all is done
#   mid_NAME      what it must find at the moment of the interruption
SCENARIOS="reset unblock expiring newkey renamed lost damaged forgotten left retire adopt"

secrets="--ca-pass file:$T/pass"
escrow="--escrow-key $T/recovery.key --escrow-pass file:$T/rpass"
alice() { ykenroll enroll "Alice Adams" --email alice@example.org $secrets --pin "file:$T/pin" --device "$(lab_serial 1)"; }
checked() { ykenroll check --device "$(lab_serial "${1:-1}")"; }
blocked() { # with three wrong PINs
	for _ in 1 2 3; do
		yubico-piv-tool -r "$(ykvirt inspect "$YKVIRT_STATE_DIR/key-1.json" | jq -r '.reader // empty')" -a verify-pin -P 111222
	done
	ykvirt inspect "$YKVIRT_STATE_DIR/key-1.json" | jq -e '.pin.left == 0'
}

# A token whose holder has left is made new for another one.
before_reset() { alice && ykenroll revoke alice@example.org --reason cessationOfOperation $secrets; }
do_reset() { "$@" ykenroll enroll "Bob Brown" --email bob@example.org --reset -y $secrets --pin "file:$T/pin"; }
judge_reset="--finished 2 --refused 14 --pin $T/pin" # blocking PIN and PUK is how a key is reset, perhaps twice
mid_reset="--refused 6 --blocking"

# A blocked PIN; run again, it is another unblocking.
before_unblock() { alice && blocked; }
do_unblock() { "$@" ykenroll unblock --pin "file:$T/pin2" $escrow; }
again_unblock() { checked; }
recover_unblock="$escrow"
judge_unblock="--finished 2,3 --refused 4 --pin $T/pin2"
mid_unblock="--refused 4 --blocking"

# Another certificate for the key that is there, and for a new one.
before_expiring() { alice; }
do_expiring() { "$@" ykenroll reissue alice@example.org --reason expiring $secrets --pin "file:$T/pin" $escrow; }
again_expiring() { checked; }
recover_expiring="$escrow"
judge_expiring="--finished 2,3 --pin $T/pin"

before_newkey() { alice; }
do_newkey() { "$@" ykenroll reissue alice@example.org --reason expiring --new-key $secrets --pin "file:$T/pin" $escrow; }
again_newkey() { checked; }
recover_newkey="$escrow"
judge_newkey="--finished 2,3 --pin $T/pin"

before_renamed() { alice; }
do_renamed() { "$@" ykenroll reissue alice@example.org --reason renamed --name "Alice Archer" $secrets --pin "file:$T/pin" $escrow; }
again_renamed() { checked && ykenroll show alice@example.org | grep -q "Alice Archer"; }
recover_renamed="$escrow"
judge_renamed="--finished 2,3 --pin $T/pin"

# Onto another token: the first one is lost, is damaged, was left at home.
keys_lost=2 key_lost=2
before_lost() { alice; }
do_lost() { "$@" ykenroll reissue alice@example.org --reason lost $secrets --pin "file:$T/pin" --device "$(lab_serial 2)"; }
again_lost() { checked 2; }
judge_lost="--tokens lost,active --finished 2 --pin $T/pin"

keys_damaged=2 key_damaged=2
before_damaged() { alice; }
do_damaged() { "$@" ykenroll reissue alice@example.org --reason damaged $secrets --pin "file:$T/pin" --device "$(lab_serial 2)"; }
again_damaged() { checked 2; }
judge_damaged="--tokens damaged,active --finished 2 --pin $T/pin"

keys_forgotten=2 key_forgotten=2
before_forgotten() { alice; }
do_forgotten() { "$@" ykenroll reissue alice@example.org --reason forgotten --hours 24 $secrets --pin "file:$T/pin" --device "$(lab_serial 2)"; }
again_forgotten() { checked 2; }
judge_forgotten="--tokens suspended,active --finished 2 --pin $T/pin"

# No token is touched.
before_left() { alice; }
do_left() { "$@" ykenroll reissue alice@example.org --reason left $secrets; }
again_left() { do_left; }
judge_left="--tokens retired --pin $T/pin"

# The end of a token that is here.
before_retire() { alice; }
do_retire() { "$@" ykenroll retire --device "$(lab_serial 1)" -y $secrets; }
again_retire() { do_retire; }
judge_retire="--tokens retired --finished 2 --refused 14 --wiped"
mid_retire="--refused 6 --blocking"

# A token that was made with ykman and openssl.
before_adopt() {
	ykman piv access change-pin -P 123456 -n 482913 && ykman piv access change-puk -p 12345678 -n 24681357 &&
		ykman piv keys generate -P 482913 -m "$factory" -a ECCP256 9a "$T/ykman.pem" &&
		ykman piv certificates generate -P 482913 -m "$factory" -s "CN=Somebody" 9a "$T/ykman.pem"
}
factory=010203040506070801020304050607080102030405060708
do_adopt() { "$@" ykenroll adopt "Alice Adams" --email alice@example.org $secrets --pin "file:$T/pin" --current-puk "file:$T/puk"; }
recover_adopt="--current-puk file:$T/puk"
judge_adopt="--refused 2 --pin $T/pin"
mid_adopt="--former-puk 24681357 --refused 2"
