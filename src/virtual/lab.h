/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VIRTUAL_LAB_H
#define VIRTUAL_LAB_H

/*
 * "ykvirt lab": runs a command beside a private pcscd with virtual keys in its
 * readers, and leaves nothing behind.
 *
 * argv[0] is "lab".  Returns the exit code of the command, 128+N if signal N
 * ended it, and 125 if the lab itself failed (then it has said why).
 */
int lab_main(int argc, const char **argv);

#endif
