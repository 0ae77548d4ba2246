/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server: the probes, and what their answers mean. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/utc.h"
#include "desk/ca.h"
#include "desk/session.h"
#include "desk/slot.h"
#include "relying/verify_server.h"

#define TIMEOUT_SEC 10
#define SLOT 0x9a

/* ---- one login ---- */

void
visit_wipe(struct visit *v)
{
	size_t i;

	for (i = 0; i < VISIT_TRUST; i++)
		blob_wipe(&v->trust[i]);
	blob_wipe(&v->cas[0]);
	blob_wipe(&v->cas[1]);
}

static int64_t
deadline(const struct visit *v)
{
	const unsigned sec = v->what->timeout_sec != 0 ? v->what->timeout_sec : TIMEOUT_SEC;

	return utc_monotonic_ns() + sec * INT64_C(1000000000);
}

static int
read_trust(struct visit *v, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	int rc;

	if (v->what->ca_file == NULL) {
		v->n_trust = 1;
		return blob_set(&v->trust[0], v->cas[1].data, v->cas[1].len, err);
	}
	if ((rc = file_read(v->what->ca_file, &pem, err)) == 0)
		rc = pem_blocks(&pem, PEM_CERT, v->trust, VISIT_TRUST, &v->n_trust, err);
	if (rc != 0) {
		err_wrap(err, "%s", v->what->ca_file);
		return ERR_USAGE;
	}
	return 0;
}

int
visit_open(
    struct visit *v, const struct desk *w, const struct relying_verify *what, struct err *err)
{
	int rc;

	*v = (struct visit){.w = w, .what = what};
	if ((rc = place_parse(what->url, &v->place, err)) != 0 ||
	    (rc = ca_certs(w, v->cas, err)) != 0 || (rc = read_trust(v, err)) != 0)
		return rc;
	return place_find(&v->place, what->connect, deadline(v), err);
}

int
visit_login(const struct visit *v, bool tls12, const struct probe_key *who,
    const struct blob *session, struct tls_reply *ret, struct err *err)
{
	CLEAN(file_closep) int fd = -1;
	struct tls_login l = {.deadline_ns = deadline(v),
	    .host = v->place.host,
	    .path = v->place.path,
	    .tls12 = tls12,
	    .cas = v->trust,
	    .n_cas = v->n_trust,
	    .system = v->what->ca_file == NULL,
	    .session = session};
	int rc;

	*ret = (struct tls_reply){.alert = -1};
	if ((rc = place_connect(&v->place, l.deadline_ns, &fd, err)) != 0)
		return rc;
	l.fd = fd;
	if (who != NULL) {
		l.key = who->key;
		l.certs = who->certs;
		l.n_certs = who->n_certs;
	}
	return tls_login(&l, ret, err);
}

/* With these a server, or what is behind it, says that it does not want this client: nginx has its
 * own 495 and 496, and shows them as 400. */
static bool
is_refusal(int status)
{
	return status == 400 || status == 401 || status == 403 || status == 495 || status == 496;
}

bool
visit_is_in(const struct tls_reply *r)
{
	return r->status != 0 && !is_refusal(r->status);
}

/* ---- the probes ---- */

enum who { NOBODY, OTHER, SAME_NAME, GONE, RESUMED, OLD, LIVE, TOKEN, N_WHO };

static const struct {
	const char *name, *what;
	bool wants_in, needed;
} table[N_WHO] = {
    [NOBODY] = {"none", "no certificate", false, true},
    [OTHER] = {"other-ca", "a certificate of another CA", false, true},
    [SAME_NAME] = {"same-name", "a certificate of another CA with our CA's name", false, true},
    [GONE] = {"revoked", "a revoked certificate", false, true},
    [RESUMED] = {"resumed", "a session from before the revocation", false, false},
    [OLD] = {"expired", "an expired certificate", false, false},
    [LIVE] = {"live", "a valid certificate", true, true},
    [TOKEN] = {"token", "the token's certificate", true, false},
};

struct probing {
	struct visit v;
	struct relying_verified *ret;
	struct probe_key keys[N_WHO];
	char absent[N_WHO][200]; /* why there is no such key; empty: there is */
	struct desk again;	 /* the same token, when it is opened for its login */
	struct session session;
	struct blob spki;
	struct secret *pin;
	bool pin_always, touch;
};

static void
probing_wipe(struct probing *p)
{
	size_t i;

	for (i = 0; i < N_WHO; i++)
		probe_key_wipe(&p->keys[i]);
	secret_freep(&p->pin);
	blob_wipe(&p->spki);
	session_wipe(&p->session);
	visit_wipe(&p->v);
}

/* In words what the server answered. */
static void
tell(const struct tls_reply *r, char *ret, size_t size)
{
	if (r->status != 0)
		snprintf(ret, size, "HTTP %d%s%s%s", r->status, r->title[0] != '\0' ? " (" : "",
		    r->title, r->title[0] != '\0' ? ")" : "");
	else if (r->alert >= 0)
		snprintf(ret, size, "alert %s", r->alert_name);
	else
		snprintf(ret, size, "the connection was closed");
	if (r->resumed)
		strncat(ret, ", session resumed", size - strlen(ret) - 1);
}

static void
untried(struct relying_probe *p, const char *why)
{
	p->verdict = VERDICT_UNTRIED;
	snprintf(p->why, sizeof(p->why), "%.300s", why);
}

static void
judge(struct relying_probe *p, const struct tls_reply *r)
{
	p->alert = r->alert;
	p->status = r->status;
	if (r->alert == TLS_PROTOCOL_VERSION) {
		untried(p, "the server does not support it");
		return;
	}
	tell(r, p->why, sizeof(p->why));
	/* What ends before a certificate was asked for ends for another reason. */
	if (!r->asked && !r->handshake) {
		strncat(p->why, ", before a client certificate was asked for",
		    sizeof(p->why) - strlen(p->why) - 1);
		p->verdict = VERDICT_UNTRIED;
		return;
	}
	p->verdict = visit_is_in(r) ? VERDICT_IN : VERDICT_REFUSED;
	p->right = p->any || (p->verdict == VERDICT_IN) == p->wants_in;
	if (p->verdict == VERDICT_IN && !r->asked && !r->resumed)
		strncat(p->why, ", and the server did not ask for a certificate",
		    sizeof(p->why) - strlen(p->why) - 1);
}

/* PIN policy "always" wants a VERIFY right before each use. */
static int
before_use(struct probing *p, enum who who, struct err *err)
{
	if (who != TOKEN || !p->pin_always)
		return 0;
	return token_verify_pin(p->session.token, p->pin, session_flags(&p->session), err);
}

static int
session_of(const struct probing *p, bool tls12, struct blob *ret, struct relying_probe *to,
    struct err *err)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = probe_session_path(p->v.w, &p->v.place, tls12, path, err)) != 0)
		return rc;
	rc = file_read_private(path, ret, err);
	if (rc == 0 && ret->len == 0) {
		untried(to, "the server gave no session that can be resumed");
		return 0;
	}
	if (rc != ERR_ABSENT)
		return rc;
	untried(to, "no session from before; save one with: ykenroll verify-server --prepare URL");
	return 0;
}

static struct relying_probe *
add(struct probing *p, enum who who, const char *protocol)
{
	struct relying_probe *to = &p->ret->probes[p->ret->n++];

	*to = (struct relying_probe){.name = table[who].name,
	    .what = table[who].what,
	    .protocol = protocol,
	    .wants_in = table[who].wants_in,
	    .any = who == NOBODY && p->v.what->optional,
	    .needed = table[who].needed,
	    .alert = -1};
	return to;
}

static void
add_absent(struct probing *p, enum who who)
{
	untried(add(p, who, "TLS"), p->absent[who]);
}

/* Errors end the run: they are about the server as a whole, or the token. */
static int
probe(struct probing *p, enum who who, bool tls12, struct err *err)
{
	struct relying_probe *to = add(p, who, tls12 ? "TLS 1.2" : "TLS 1.3");
	CLEAN(tls_reply_wipe) struct tls_reply reply = {0};
	CLEAN(blob_wipe) struct blob session = {0};
	struct err why = ERR_INIT;
	int rc;

	if (who == RESUMED &&
	    ((rc = session_of(p, tls12, &session, to, err)) != 0 || session.len == 0))
		return rc;
	if ((rc = before_use(p, who, err)) != 0)
		return rc;
	rc = visit_login(&p->v, tls12, who == NOBODY ? NULL : &p->keys[who],
	    session.len > 0 ? &session : NULL, &reply, &why);
	if (reply.anchor[0] != '\0')
		memcpy(p->ret->anchor, reply.anchor, sizeof(reply.anchor));
	if (rc == 0)
		judge(to, &reply);
	else if (rc == ERR_ABSENT) /* it answers others, perhaps */
		untried(to, why.text);
	else
		*err = why;
	return rc == ERR_ABSENT ? 0 : rc;
}

/* ---- who there is ---- */

static void
take_absent(struct probing *p, enum who who, const char *why)
{
	snprintf(p->absent[who], sizeof(p->absent[who]), "%.199s", why);
}

static int
make_foreign(struct probing *p, enum who who, const struct blob *like, struct err *err)
{
	struct probe_key *k = &p->keys[who];
	int rc;

	if ((rc = key_generate(KEY_P256, &k->key, err)) != 0)
		return rc;
	k->n_certs = 2;
	return cert_of_other_ca(k->key, like, k->certs, err);
}

#define PREPARE "ykenroll verify-server --prepare"

/* What cannot be read is told as a reason, not as the end. */
static void
load_kept(struct probing *p, enum who who, enum probe_id id, const char *fix)
{
	struct err why = ERR_INIT;
	const int rc = probe_load(p->v.w, id, &p->keys[who], &why);
	const int64_t now = utc_now();

	if (rc == ERR_ABSENT)
		snprintf(p->absent[who], sizeof(p->absent[who]), "none exists%s%s",
		    fix == NULL ? " yet" : "; create one with: ", fix == NULL ? "" : fix);
	else if (rc != 0)
		take_absent(p, who, why.text);
	else if (id != PROBE_OLD && p->keys[who].info.not_after <= now)
		take_absent(p, who, "it has expired; create a new one with: " PREPARE);
	else if (id == PROBE_OLD && p->keys[who].info.not_after > now)
		take_absent(p, who, "it has not expired");
}

static void
check_revocation(struct probing *p, enum who who, bool wanted)
{
	struct err why = ERR_INIT;
	bool revoked = false;

	if (p->absent[who][0] != '\0')
		return;
	if (probe_is_revoked(p->v.w, &p->keys[who], &revoked, &why) != 0)
		take_absent(p, who, why.text);
	else if (revoked != wanted)
		take_absent(p, who,
		    wanted ? "it is not revoked yet; do that with: " PREPARE
			   : "it is revoked; create a new one with: " PREPARE);
}

/* Is it there, and what has it? It is let go again: nobody else could use it while a person looks
 * for her PIN, and while servers are slow. */
static int
look_at_token(struct probing *p, struct err *err)
{
	CLEAN(session_wipe) struct session s = {.w = p->v.w, .choice = p->v.w->choice};
	CLEAN(slot_wipe) struct slot slot = {0};
	struct probe_key *k = &p->keys[TOKEN];
	int rc;

	if ((rc = session_token(&s, err)) != 0 ||
	    (rc = slot_look(s.token, SLOT, false, &slot, err)) != 0)
		return rc;
	if (!slot.cert_readable)
		return err_set(err, ERR_FIT, "the token has no certificate in slot 9a");
	if ((rc = slot_spki(&slot, SLOT, &p->spki, err)) != 0 ||
	    (rc = blob_set(&k->certs[1], p->v.cas[0].data, p->v.cas[0].len, err)) != 0)
		return rc;
	p->touch = slot.key_known &&
		   (slot.key.touch_policy == TOUCH_ALWAYS || slot.key.touch_policy == TOUCH_CACHED);
	p->pin_always = slot.key_known && slot.key.pin_policy == PIN_ALWAYS;
	p->again = *p->v.w;
	p->again.choice = (struct device_choice){.serial = s.serial};
	if (p->again.choice.serial == 0)
		p->again.choice = p->v.w->choice;
	blob_move(&k->certs[0], &slot.cert_der);
	k->n_certs = 2;
	return 0;
}

static int
ask_pin(struct probing *p, struct err *err)
{
	p->pin = secret_new();
	return p->v.w->ui.secret(p->v.w->ui.ctx, DESK_CURRENT_PIN, p->pin, err);
}

static int
open_token(struct probing *p, struct err *err)
{
	int rc;

	p->session = (struct session){.w = &p->again, .choice = p->again.choice};
	if ((rc = session_token(&p->session, err)) != 0 ||
	    (rc = token_verify_pin(p->session.token, p->pin, session_flags(&p->session), err)) != 0)
		return rc;
	return token_key(p->session.token, SLOT, &p->spki, p->touch, &p->keys[TOKEN].key, err);
}

static int
gather(struct probing *p, struct err *err)
{
	int rc;

	load_kept(p, LIVE, PROBE_LIVE, PREPARE);
	check_revocation(p, LIVE, false);
	load_kept(p, GONE, PROBE_GONE, PREPARE);
	check_revocation(p, GONE, true);
	load_kept(p, RESUMED, PROBE_GONE, PREPARE);
	check_revocation(p, RESUMED, true);
	load_kept(p, OLD, PROBE_OLD, NULL);
	if ((rc = make_foreign(p, OTHER, NULL, err)) != 0 ||
	    (rc = make_foreign(p, SAME_NAME, &p->v.cas[0], err)) != 0)
		return rc;
	if (!p->v.what->token) {
		take_absent(p, TOKEN, "not requested (--token)");
		return 0;
	}
	if ((rc = look_at_token(p, err)) != 0)
		return rc;
	return ask_pin(p, err);
}

/* ---- all of them ---- */

static int
probe_all(struct probing *p, struct err *err)
{
	enum who who;
	int rc;

	for (who = NOBODY; who < N_WHO; who++) {
		if (p->absent[who][0] != '\0') {
			add_absent(p, who);
			continue;
		}
		if ((who == TOKEN && (rc = open_token(p, err)) != 0) ||
		    (rc = probe(p, who, true, err)) != 0 || (rc = probe(p, who, false, err)) != 0) {
			if (who != TOKEN)
				err_wrap(err, "%s", p->ret->server);
			return rc;
		}
	}
	return 0;
}

int
relying_verify_server(const struct desk *w, const struct relying_verify *what,
    struct relying_verified *ret, struct err *err)
{
	CLEAN(probing_wipe) struct probing p = {.ret = ret};
	int rc;

	*ret = (struct relying_verified){.n = 0};
	(void)signal(SIGPIPE, SIG_IGN); /* a server may hang up while we speak */
	if ((rc = visit_open(&p.v, w, what, err)) != 0)
		return rc;
	snprintf(ret->server, sizeof(ret->server), p.v.place.bracket ? "[%s]:%s" : "%s:%s",
	    p.v.place.host, p.v.place.port);
	memcpy(ret->address, p.v.place.address_text, sizeof(ret->address));
	if ((rc = gather(&p, err)) != 0 || (rc = probe_all(&p, err)) != 0)
		return rc;
	return verify_conclude(ret, err);
}
