/* SPDX-License-Identifier: BSD-2-Clause */
/* serve: the signer's process: hardened, unlocked once, one loop over all connections. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"
#include "signer/crl.h"
#include "signer/import.h"
#include "signer/make.h"
#include "signer/process.h"
#include "signer/restore.h"
#include "signer/sandbox.h"
#include "signer/service.h"
#include "signer/peer.h"
#include "signer/keeper.h"
#include "ykenroll/signer_serve.h"

#define PEERS_MAX 32
#define TICK_MS 1000	/* how often the clocks are looked at */
#define USELESS_MS 3000 /* from a failure to the end */
#define PASS_TRIES 3
#define LOCK_WAIT_MS 10000 /* for the end of another signer of this home */

struct server {
	struct ca *ca;
	int listener; /* -1: one connection only */
	struct signer_peer *peers[PEERS_MAX];
	size_t n;
	struct keeper keeper; /* where there is a listener */
	bool managed;	      /* somebody starts it anew when it ends */
	int64_t useless_ns;   /* since when it is; 0: it is not */
};

static volatile sig_atomic_t stop;

static void
on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void
server_wipe(struct server *s)
{
	while (s->n > 0)
		peer_freep(&s->peers[--s->n]);
	if (s->listener >= 0)
		close(s->listener);
	ca_closep(&s->ca);
}

/* ---- signals: blocked except while we wait, so that a signature is never cut short ---- */

/* *ret: what is blocked while we wait. */
static void
signals_take(sigset_t *ret)
{
	const struct sigaction sa = {.sa_handler = on_signal};
	sigset_t block;

	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigprocmask(SIG_BLOCK, &block, ret);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigdelset(ret, SIGTERM);
	sigdelset(ret, SIGINT);
}

/* ---- the loop ---- */

static void
add(struct server *s, int fd, const struct signer_times *times)
{
	if (s->n == PEERS_MAX)
		close(fd);
	else if (peer_new(fd, times, &s->peers[s->n], NULL) == 0)
		s->n++;
}

static void
accept_one(struct server *s)
{
	const struct signer_times none = {0};
	const int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		add(s, fd, &none);
}

static void
step_all(struct server *s, const struct pollfd *p)
{
	size_t i, kept = 0;

	for (i = 0; i < s->n; i++) {
		if (peer_step(s->peers[i], s->ca, p[i].revents) != 0)
			peer_freep(&s->peers[i]);
		else
			s->peers[kept++] = s->peers[i];
	}
	s->n = kept;
}

/* An HSM that failed is not asked again by this process, nor is a log written that could not be:
 * the next process begins from what is on disk. A moment later, when the desks have their answers.
 */
static int
end_useless(struct server *s, struct err *err)
{
	const int64_t now = utc_monotonic_ns();

	if (!s->managed || (!key_broken(s->ca->key) && !s->ca->log->failed))
		return 0;
	if (s->useless_ns == 0)
		s->useless_ns = now;
	if (now - s->useless_ns < USELESS_MS * INT64_C(1000000))
		return 0;
	return err_set(err, ERR_INTERNAL,
	    "%s failed; this process can no longer sign and ends, so that a new one can be started",
	    s->ca->log->failed ? "the issuance log" : "the HSM");
}

static int
loop(struct server *s, const sigset_t *while_waiting, struct err *err)
{
	const struct timespec tick = {
	    .tv_sec = TICK_MS / 1000, .tv_nsec = TICK_MS % 1000 * 1000000L};
	struct pollfd p[PEERS_MAX + 1];
	size_t i, n;
	int rc;

	while (!stop && (s->listener >= 0 || s->n > 0)) {
		n = s->n;
		memset(p, 0, sizeof(p));
		for (i = 0; i < n; i++)
			p[i] = (struct pollfd){
			    .fd = s->peers[i]->fd, .events = peer_events(s->peers[i])};
		/* when all places are taken the next desk waits in the queue */
		p[n] = (struct pollfd){.fd = n < PEERS_MAX ? s->listener : -1, .events = POLLIN};
		if (ppoll(p, n + 1, &tick, while_waiting) < 0) {
			if (errno == EINTR)
				continue;
			return err_errno(err, ERR_INTERNAL, "cannot wait for requests");
		}
		step_all(s, p);
		if ((p[n].revents & POLLIN) != 0)
			accept_one(s);
		if (s->listener >= 0)
			keeper_turn(&s->keeper, s->ca);
		if ((rc = end_useless(s, err)) != 0)
			return rc;
	}
	return 0;
}

/* Whatever is not there is said; what is there must work. */
static int
confine(struct server *s, const char *socket, struct err *err)
{
	const struct sandbox box = {
	    .home = s->ca->home,
	    .socket = socket,
	    .hsm = (s->ca->key != NULL && key_outside(s->ca->key)) ||
		   (s->ca->root_key != NULL && key_outside(s->ca->root_key)),
	};
	struct sandbox_in_force f;
	char line[128];
	int rc;

	if ((rc = sandbox_enter(&box, &f, err)) != 0)
		return rc;
	if (s->keeper.say == NULL || (f.landlock > 0 && f.filter))
		return 0;
	snprintf(line, sizeof(line), "this kernel cannot confine the signer fully: it lacks %s%s%s",
	    f.landlock == 0 ? "Landlock" : "", f.landlock == 0 && !f.filter ? " and " : "",
	    f.filter ? "" : "seccomp filter");
	s->keeper.say(s->keeper.ctx, line);
	return 0;
}

static int
run(struct server *s, const struct signer_times *times, int fd, const char *socket, struct err *err)
{
	sigset_t waiting;
	int rc;

	signals_take(&waiting);
	if (fd >= 0)
		add(s, fd, times);
	rc = confine(s, socket, err);
	return rc != 0 ? rc : loop(s, &waiting, err);
}

/* ---- before it ---- */

/* With what opened the issuing CA's key, unless something else is given. A passphrase is never sent
 * to an HSM as its PIN: that would spend a try. */
static int
ask_root(const struct signer_serve *serve, struct secret *pass, struct err *err)
{
	enum key_secret kind = KEY_SECRET_NONE, had = KEY_SECRET_NONE;
	int rc;

	if ((rc = crl_root_secret(serve->home, &kind, err)) != 0 ||
	    (rc = ca_secret(serve->home, &had, err)) != 0 || kind == KEY_SECRET_NONE)
		return rc;
	if (serve->root_pass != NULL)
		return serve->root_pass->get(serve->root_pass->ctx,
		    kind == KEY_SECRET_PIN ? "HSM PIN of the root's key"
					   : "passphrase of the root's key",
		    pass, err);
	return kind == had
		   ? 0
		   : err_set(err, ERR_PERSON, "the root's key has a different %s: use --root-pass",
			 kind == KEY_SECRET_PIN ? "PIN" : "passphrase");
}

static int
unlock_root(const struct signer_serve *serve, struct secret *pass, struct ca *ca, struct err *err)
{
	int rc;

	if (!serve->root)
		return 0;
	rc = ask_root(serve, pass, err);
	return rc != 0 ? rc : crl_root_unlock(ca, pass, err);
}

static int
ask(const struct signer_serve *serve, struct secret *pass, struct err *err)
{
	enum key_secret kind = KEY_SECRET_NONE;
	int rc;

	if ((rc = ca_secret(serve->home, &kind, err)) != 0 || kind == KEY_SECRET_NONE)
		return rc;
	return serve->pass->get(
	    serve->pass->ctx, kind == KEY_SECRET_PIN ? "HSM PIN" : "CA passphrase", pass, err);
}

/* What was typed may be typed again; an HSM has few tries, and a file says the same. */
static int
unlock_own(const struct signer_serve *serve, struct secret *pass, struct ca **ret,
    int64_t *ret_wait_ns, struct err *err)
{
	struct err why;
	int64_t start;
	int left, rc;

	for (left = PASS_TRIES; left > 0; left--) {
		start = utc_monotonic_ns();
		rc = ask(serve, pass, err);
		*ret_wait_ns += utc_monotonic_ns() - start;
		if (rc != 0)
			return rc;
		why = (struct err)ERR_INIT;
		rc = ca_open(serve->home, pass, LOCK_WAIT_MS, ret, &why);
		if (rc == 0 || !key_pass_wrong || serve->pass->again == NULL)
			break;
		if (left > 1)
			serve->pass->again(serve->pass->ctx, &why);
	}
	if (rc != 0 && err != NULL)
		*err = why;
	return rc;
}

static int
unlock(const struct signer_serve *serve, struct ca **ret, int64_t *ret_wait_ns, struct err *err)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	CLEAN(ca_closep) struct ca *ca = NULL;
	int rc;

	*ret_wait_ns = 0;
	if ((rc = sandbox_harden(err)) != 0)
		return rc;
	if (serve->look)
		return ca_open(serve->home, NULL, LOCK_WAIT_MS, ret, err);
	if ((rc = unlock_own(serve, pass, &ca, ret_wait_ns, err)) != 0 ||
	    (rc = unlock_root(serve, pass, ca, err)) != 0)
		return rc;
	*ret = TAKE(ca);
	return 0;
}

/* The desk waits for the first frame: it is the error then. */
static void
tell(int fd, int code, const struct err *why)
{
	CLEAN(blob_wipe) struct blob frame = {0};
	const struct signer_times times = {.kdf_ns = key_kdf_ns, .fsync_ns = file_fsync_ns};

	if (peer_error(code, why, &times, &frame) == 0)
		(void)!message_write(fd, frame.data, frame.len, NULL);
	close(fd);
}

static int
serve_fd(const struct signer_serve *serve, struct err *err)
{
	CLEAN(server_wipe) struct server s = {.listener = -1};
	struct signer_times times;
	struct err own = ERR_INIT, *why = err == NULL ? &own : err;
	int64_t wait_ns = 0;
	int rc;

	(void)fcntl(serve->fd, F_SETFD, FD_CLOEXEC);
	if ((rc = unlock(serve, &s.ca, &wait_ns, why)) != 0) {
		tell(serve->fd, rc, why);
		return rc;
	}
	times = (struct signer_times){
	    .kdf_ns = key_kdf_ns, .fsync_ns = file_fsync_ns, .wait_ns = wait_ns};
	return run(&s, &times, serve->fd, NULL, err);
}

/* The service manager's, or our own at path. */
static int
open_listener(const char *path, int activated, struct server *s, struct err *err)
{
	s->listener = activated;
	return activated >= 0 ? 0 : process_listen(path, &s->listener, err);
}

static void
listening(struct server *s, const struct signer_serve *serve, const char *where)
{
	char line[PATH_MAX + 32];

	s->keeper = (struct keeper){.say = serve->say, .ctx = serve->say_ctx};
	snprintf(line, sizeof(line), "listening on %s", where);
	if (serve->say != NULL)
		serve->say(serve->say_ctx, line);
	s->managed = service_ready();
}

/* Where no PIN was refused, another try spends none: the HSM may be there then. */
static int
may_come(const char *home, int rc, struct err *err)
{
	enum key_secret kind = KEY_SECRET_PASSPHRASE;

	if (rc != ERR_CA || ca_secret(home, &kind, NULL) != 0 || kind == KEY_SECRET_PASSPHRASE ||
	    key_pin_refused())
		return rc;
	if (err != NULL)
		err->code = ERR_INTERNAL;
	return ERR_INTERNAL;
}

static int
serve_socket(const struct signer_serve *serve, struct err *err)
{
	CLEAN(server_wipe) struct server s = {.listener = -1};
	struct ca_name name = ca_name(serve->home, PROCESS_SOCKET);
	const char *path = serve->socket == NULL ? name.at : serve->socket;
	int64_t wait_ns;
	int rc, activated;

	if (strlen(path) >= sizeof(name.at))
		return err_set(err, ERR_USAGE, "path too long: %s", serve->socket);
	if ((rc = service_socket(&activated, err)) != 0)
		return rc;
	if ((rc = unlock(serve, &s.ca, &wait_ns, err)) != 0)
		return may_come(serve->home, rc, err);
	s.ca->listens = true;
	if ((rc = open_listener(path, activated, &s, err)) != 0)
		return rc;
	listening(&s, serve, activated >= 0 ? "the service manager's socket" : path);
	rc = run(&s, NULL, -1, activated < 0 ? path : NULL, err);
	if (activated < 0)
		unlink(path);
	return rc;
}

int
signer_serve(const struct signer_serve *serve, struct err *err)
{
	return serve->fd >= 0 ? serve_fd(serve, err) : serve_socket(serve, err);
}

static int
make(const struct make *m, struct make_answer *a)
{
	switch (m->what) {
	case MAKE_CA:
		return init_ca(&m->init, &a->err);
	case MAKE_CHECK:
		return init_check(&m->init, &a->err);
	case MAKE_IMPORT:
		return import_ca(&m->init, &m->import, &a->imported, &a->err);
	case MAKE_ASKS:
		return key_import_asks(m->import.key, &a->asks, &a->err);
	case MAKE_RESTORE:
		return restore_ca(&m->restore, &a->restored, &a->err);
	}
	return err_set(&a->err, ERR_INTERNAL, "the signer got an unknown request");
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
