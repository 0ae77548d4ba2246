# SPDX-License-Identifier: BSD-2-Clause
# Sourced by plans.sh: what happens to tokens after their first enrolment, each as
#   keys_NAME     so many keys are in the lab (1)
#   before_NAME   makes the state that it begins with, in the lab, once
#   do_NAME       the command; its words may be preceded by a command that runs it ("$@")
#   again_NAME    the command once more, when all is done: it must say so (do_NAME, if it is not there)
#   judge_NAME    what the checker must find when all is done
#   recover_NAME  options that recover needs for it
#   mid_NAME      what it must find at the moment of the interruption
SCENARIOS="reset"

secrets="--ca-pass file:$T/pass"
escrow="--escrow-key $T/recovery.key --escrow-pass file:$T/rpass"
serial() { ykvirt inspect "$YKVIRT_STATE_DIR/key-${1:-1}.json" | jq -r .serial; }
alice() { ykenroll enroll "Alice Adams" --email alice@example.org $secrets --pin "file:$T/pin"; }

# A token whose holder has left is made new for another one.
before_reset() { alice && ykenroll revoke alice@example.org --reason cessationOfOperation $secrets; }
do_reset() { "$@" ykenroll enroll "Bob Brown" --email bob@example.org --reset -y $secrets --pin "file:$T/pin"; }
judge_reset="--finished 2 --refused 14 --pin $T/pin" # blocking PIN and PUK is how a key is reset, perhaps twice
mid_reset="--refused 6 --blocking"
