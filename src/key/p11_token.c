/* SPDX-License-Identifier: BSD-2-Clause */
/* p11_token: from a URI to a session with the token that it names, logged in. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "key/p11.h"

#define SLOTS_MAX 256

/* ---- the guard ---- */

unsigned p11_sec = 45; /* less than a desk waits for the signer */

static void
pipe_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGPIPE);
}

struct p11_guard
p11_guard_enter(unsigned sec)
{
	const struct itimerval timer = {.it_value = {.tv_sec = (time_t)sec}};
	struct p11_guard g = {.pending = false};
	sigset_t set, pending;

	pipe_set(&set);
	sigemptyset(&pending);
	sigpending(&pending);
	g.pending = sigismember(&pending, SIGPIPE) == 1;
	sigprocmask(SIG_BLOCK, &set, &g.mask);
	setitimer(ITIMER_REAL, &timer, &g.timer);
	return g;
}

void
p11_guard_leave(struct p11_guard *g)
{
	const struct timespec now = {0};
	sigset_t set;

	setitimer(ITIMER_REAL, &g->timer, NULL);
	pipe_set(&set);
	if (!g->pending)
		(void)sigtimedwait(&set, NULL, &now);
	sigprocmask(SIG_SETMASK, &g->mask, NULL);
}

/* ---- errors ---- */

static const struct {
	CK_RV rv;
	const char *text;
} texts[] = {
    {CKR_PIN_INCORRECT, "wrong PIN; it was tried once"},
    {CKR_PIN_LEN_RANGE, "wrong PIN (its length); it was tried once"},
    {CKR_PIN_INVALID, "wrong PIN (its characters); it was tried once"},
    {CKR_PIN_LOCKED, "the PIN is blocked"},
    {CKR_PIN_EXPIRED, "the PIN has expired; set a new one with the HSM's own tool"},
    {CKR_USER_PIN_NOT_INITIALIZED, "the token has no user PIN yet"},
    {CKR_MECHANISM_INVALID, "the token does not support this algorithm"},
    {CKR_DEVICE_REMOVED, "the device was removed"},
    {CKR_TOKEN_NOT_PRESENT, "the token was removed"},
    {CKR_DEVICE_ERROR, "the device, or the connection to it, failed"},
    {CKR_SESSION_HANDLE_INVALID, "the session was closed"},
    {CKR_SESSION_CLOSED, "the session was closed"},
};

int
p11_err(struct err *err, const char *what, CK_RV rv)
{
	const char *text = p11_kit_strerror(rv);
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].rv == rv)
			text = texts[i].text;
	return err_set(err, ERR_CA, "HSM: %s (%s, 0x%lx)", text, what, rv);
}

/* ---- modules ---- */

/* p11-kit can write every call to standard error, the PIN of C_Login with it. */
static int
silent(CK_FUNCTION_LIST *module, struct err *err)
{
	char *own = p11_kit_config_option(module, "log-calls");
	char *all = p11_kit_config_option(NULL, "log-calls");
	const bool loud =
	    (own != NULL && strcmp(own, "yes") == 0) || (all != NULL && strcmp(all, "yes") == 0);

	free(own);
	free(all);
	return loud ? err_set(err, ERR_CA,
			  "p11-kit is configured to log all calls, including the PIN; remove "
			  "log-calls from its configuration")
		    : 0;
}

static int
initialize(struct p11 *p, CK_FUNCTION_LIST *module, struct err *err)
{
	CK_RV rv;
	int rc;

	if ((rc = silent(module, err)) != 0)
		return rc;
	if ((rv = p11_kit_module_initialize(module)) != CKR_OK)
		return p11_err(err, "C_Initialize", rv);
	p->module = module;
	return 0;
}

static void
finalize(struct p11 *p)
{
	if (p->module != NULL)
		p11_kit_module_finalize(p->module);
	if (p->module != NULL && p->list == NULL)
		p11_kit_module_release(p->module);
	p->module = NULL;
}

/* ---- slots ---- */

static bool
fits(const struct p11 *p, CK_SLOT_ID slot, CK_RV *ret_rv)
{
	const CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(p->uri);
	CK_TOKEN_INFO token;
	CK_SLOT_INFO info;

	if (wanted != (CK_SLOT_ID)-1 && wanted != slot)
		return false;
	if ((*ret_rv = p->module->C_GetSlotInfo(slot, &info)) != CKR_OK ||
	    !p11_kit_uri_match_slot_info(p->uri, &info) ||
	    (*ret_rv = p->module->C_GetTokenInfo(slot, &token)) != CKR_OK)
		return false;
	return (token.flags & CKF_TOKEN_INITIALIZED) != 0 &&
	       p11_kit_uri_match_token_info(p->uri, &token);
}

/* Errors: ERR_ABSENT no such token here. */
static int
find_slot(struct p11 *p, struct err *err)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG n = SLOTS_MAX, i, found = 0;
	CK_RV rv, last = CKR_OK;

	if ((rv = p->module->C_GetSlotList(CK_TRUE, slots, &n)) != CKR_OK)
		return p11_err(err, "C_GetSlotList", rv);
	for (i = 0; i < n && i < SLOTS_MAX; i++) {
		rv = CKR_OK;
		if (fits(p, slots[i], &rv)) {
			p->slot = slots[i];
			found++;
		}
		last = rv != CKR_OK ? rv : last;
	}
	if (found > 1)
		return err_set(err, ERR_AMBIGUOUS,
		    "%lu tokens match the URI; add serial= to choose one", found);
	if (found == 1)
		return 0;
	return last != CKR_OK ? p11_err(err, "C_GetTokenInfo", last)
			      : err_set(err, ERR_ABSENT, "HSM: no token matches the URI");
}

static int
try_module(struct p11 *p, CK_FUNCTION_LIST *module, struct err *err)
{
	CK_INFO info;
	CK_RV rv;
	int rc;

	if ((rc = initialize(p, module, err)) != 0)
		return rc;
	if ((rv = module->C_GetInfo(&info)) != CKR_OK)
		rc = p11_err(err, "C_GetInfo", rv);
	else if (!p11_kit_uri_match_module_info(p->uri, &info))
		rc = err_set(err, ERR_ABSENT, "no module matches the URI");
	else
		rc = find_slot(p, err);
	if (rc != 0)
		finalize(p);
	return rc;
}

static int
by_path(struct p11 *p, const char *path, struct err *err)
{
	CK_FUNCTION_LIST *module = p11_kit_module_load(path, 0);
	int rc;

	if (module == NULL) {
		const char *why = p11_kit_message();

		return err_set(err, ERR_CA, "cannot load %s: %s", path,
		    why != NULL ? why : "not a PKCS #11 module");
	}
	rc = initialize(p, module, err);
	if (rc != 0) {
		p11_kit_module_release(module);
		return rc;
	}
	if ((rc = find_slot(p, err)) != 0)
		finalize(p);
	return rc;
}

/* One after the other, only until the token is found: others may speak to the very cards that are
 * being enrolled. */
static int
by_search(struct p11 *p, struct err *err)
{
	struct err first = ERR_INIT, one;
	CK_FUNCTION_LIST **m;
	char *name;
	int rc;

	for (m = p->list; *m != NULL; m++) {
		if ((p11_kit_module_get_flags(*m) & P11_KIT_MODULE_TRUSTED) != 0)
			continue;
		one = (struct err)ERR_INIT;
		if ((rc = try_module(p, *m, &one)) == 0) {
			if ((name = p11_kit_module_get_name(*m)) != NULL)
				p11_kit_uri_set_module_name(p->uri, name);
			free(name);
			return 0;
		}
		if (rc != ERR_ABSENT && first.code == 0)
			first = one;
	}
	if (first.code == 0)
		return err_set(err, ERR_CA, "no token of any PKCS #11 module matches the URI");
	if (err != NULL)
		*err = first;
	return first.code;
}

static int
find_token(struct p11 *p, struct err *err)
{
	const char *path = p11_kit_uri_get_module_path(p->uri);
	const char *name = p11_kit_uri_get_module_name(p->uri);
	CK_FUNCTION_LIST *module;

	p11_kit_be_quiet();
	if (path != NULL)
		return by_path(p, path, err);
	if ((p->list = p11_kit_modules_load(NULL, 0)) == NULL)
		return err_set(err, ERR_CA, "p11-kit cannot load its modules: %s",
		    p11_kit_message() != NULL ? p11_kit_message() : "no reason given");
	if (name == NULL)
		return by_search(p, err);
	if ((module = p11_kit_module_for_name(p->list, name)) == NULL)
		return err_set(err, ERR_CA, "p11-kit has no module named %s", name);
	return try_module(p, module, err);
}

/* ---- the session ---- */

/* Never sent: where it cannot help, and where it would be the last try before the token is blocked.
 */
static int
may_log_in(CK_FLAGS flags, const struct secret *pin, bool tried, struct err *err)
{
	if ((flags & CKF_USER_PIN_LOCKED) != 0)
		return err_set(err, ERR_CA, "HSM: the PIN is blocked");
	if ((flags & CKF_USER_PIN_INITIALIZED) == 0)
		return err_set(err, ERR_CA, "HSM: the token has no user PIN yet");
	if ((flags & CKF_USER_PIN_FINAL_TRY) != 0)
		return err_set(err, ERR_CA,
		    "HSM: only one PIN try is left and is not used here; log in once with the "
		    "HSM's own tool first");
	if (tried)
		return err_set(err, ERR_CA,
		    "HSM: the PIN was rejected before, and this process does not try again; "
		    "restart it");
	if (pin == NULL && (flags & CKF_PROTECTED_AUTHENTICATION_PATH) == 0)
		return err_set(err, ERR_CA, "HSM: the PIN is needed");
	return 0;
}

static bool refused; /* one attempt for the life of the process */

bool
key_pin_refused(void)
{
	return refused;
}

static int
log_in(const struct p11 *p, const struct secret *pin, struct err *err)
{
	CK_SESSION_INFO session;
	CK_TOKEN_INFO token;
	CK_RV rv;
	int rc;

	if ((rv = p->module->C_GetSessionInfo(p->session, &session)) != CKR_OK)
		return p11_err(err, "C_GetSessionInfo", rv);
	if (session.state == CKS_RO_USER_FUNCTIONS || session.state == CKS_RW_USER_FUNCTIONS)
		return 0; /* by another key of this process */
	if ((rv = p->module->C_GetTokenInfo(p->slot, &token)) != CKR_OK)
		return p11_err(err, "C_GetTokenInfo", rv);
	if ((token.flags & CKF_LOGIN_REQUIRED) == 0)
		return 0;
	if ((rc = may_log_in(token.flags, pin, refused, err)) != 0)
		return rc;
	if ((token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0)
		pin = NULL;
	rv = p->module->C_Login(p->session, CKU_USER,
	    pin == NULL ? NULL : (CK_UTF8CHAR *)(uintptr_t)pin->bytes,
	    pin == NULL ? 0 : (CK_ULONG)pin->len);
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return 0;
	refused = true;
	return p11_err(err, "C_Login", rv);
}

int
p11_connect(P11KitUri *uri, const struct secret *pin, bool write, struct p11 *ret, struct err *err)
{
	CLEAN(p11_wipe) struct p11 p = {.uri = uri};
	CK_RV rv;
	int rc;

	if ((rc = find_token(&p, err)) != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_CA, "HSM: no token matches the URI")
					: rc;
	rv = p.module->C_OpenSession(p.slot,
	    CKF_SERIAL_SESSION | (write ? CKF_RW_SESSION : (CK_FLAGS)0), NULL, NULL, &p.session);
	if (rv != CKR_OK) {
		p.session = 0;
		return p11_err(err, "C_OpenSession", rv);
	}
	if ((rc = log_in(&p, pin, err)) != 0)
		return rc;
	*ret = p;
	p = (struct p11){0};
	return 0;
}

void
p11_uri_freep(P11KitUri **uri)
{
	if (*uri != NULL)
		p11_kit_uri_free(*uri);
	*uri = NULL;
}

void
p11_wipe(struct p11 *p)
{
	if (p->module != NULL && p->session != 0)
		(void)p->module->C_CloseSession(p->session);
	finalize(p);
	if (p->list != NULL)
		p11_kit_modules_release(p->list);
	p11_uri_freep(&p->uri);
	*p = (struct p11){0};
}
