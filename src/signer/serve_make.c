/* SPDX-License-Identifier: BSD-2-Clause */
#include "ykenroll/key.h"
#include "signer/import.h"
#include "signer/make.h"
#include "signer/message.h"
#include "signer/sandbox.h"
#include "ykenroll/signer_serve.h"

static int
make(const struct make *m, struct make_answer *a)
{
	switch (m->what) {
	case MAKE_CA:
		return init_ca(&m->init, &a->err);
	case MAKE_IMPORT:
		return import_ca(&m->init, &m->import, &a->imported, &a->err);
	case MAKE_ASKS:
		return key_import_asks(m->import.key, &a->asks, &a->err);
	}
	return err_set(&a->err, ERR_INTERNAL, "the signer was asked for something unknown");
}

int
signer_make(int fd, struct err *err)
{
	CLEAN(make_wipe) struct make m = {0};
	struct make_answer a = {.err = ERR_INIT};

	if ((a.rc = sandbox_harden(&a.err)) == 0 && (a.rc = make_receive(fd, &m, &a.err)) == 0)
		a.rc = make(&m, &a);
	return message_write(fd, &a, sizeof(a), err);
}
