/* SPDX-License-Identifier: BSD-2-Clause */
/* token list, info, export, attest */
#include <jansson.h>
#include <stdlib.h>

#include "cli/cmd_token.h"

static char *pin_policy, *touch_policy;
static int public_key, verify, f9_only;

static const struct poptOption export_table[] = {
    OPT_FLAG("public-key", 0, &public_key, "export the public key instead"),
    OPT_FLAG("force", 0, &opt.force, "overwrite FILE"),
    OPT_TABLE(token_opt_format),
    OPT_TOKEN_END,
};

static const struct poptOption attest_table[] = {
    OPT_FLAG("verify", 0, &verify, "verify it up to Yubico's roots, and its policies"),
    OPT_TEXT("pin-policy", 0, &pin_policy, "required PIN policy, at least: never, once, always",
	"POLICY"),
    OPT_TEXT("touch-policy", 0, &touch_policy,
	"required touch policy, at least: never, cached, always", "POLICY"),
    OPT_FLAG("intermediate", 0, &f9_only, "export the certificate of slot f9 instead"),
    OPT_FLAG("force", 0, &opt.force, "overwrite FILE"),
    OPT_TABLE(token_opt_format),
    OPT_TOKEN_END,
};

static const char *
pin_word(uint8_t policy)
{
	return token_word_of(policy, token_pin_words);
}

static const char *
touch_word(uint8_t policy)
{
	return token_word_of(policy, token_touch_words);
}

/* ---- list ---- */

static json_t *
entry_json(const struct workflow_token_entry *e)
{
	const struct token_id *id = &e->device.id;

	if (!e->device.usable)
		return json_pack("{s:s*, s:b, s:s*}", "reader", id->reader, "usable", false,
		    "reason", e->device.reason);
	return json_pack("{s:s*, s:b, s:I, s:s, s:s*, s:o, s:s*, s:s*}", "reader", id->reader,
	    "usable", true, "serial", (json_int_t)id->serial, "firmware",
	    render_firmware(id->firmware), "form_factor",
	    e->config.known ? device_form_name(e->config.form_factor) : NULL, "fips",
	    e->config.known ? json_boolean(e->config.fips_series) : json_null(), "state",
	    e->registered ? registry_token_state_name(e->state) : "unregistered", "holder",
	    e->holder[0] != '\0' ? e->holder : NULL);
}

static void
entry_text(const struct workflow_token_entry *e)
{
	const struct token_id *id = &e->device.id;

	if (!e->device.usable) {
		printf("%-10s %s\n", "-", render_escaped(e->device.reason));
		return;
	}
	printf("%-10u %-7s %-20s %-5s %-13s %s%s%s\n", id->serial, render_firmware(id->firmware),
	    device_form_name(e->config.form_factor), e->config.fips_series ? "FIPS" : "-",
	    e->registered ? registry_token_state_name(e->state) : "unregistered",
	    render_escaped(id->reader), e->holder[0] != '\0' ? "  " : "",
	    render_escaped(e->holder));
}

static int
run_list(struct called *c, struct err *err)
{
	struct workflow_token_entry *list = NULL;
	size_t n = 0, i;
	json_t *rows;
	int rc;

	if ((rc = workflow_token_list(&c->desk, &list, &n, err)) != 0)
		return rc;
	if (opt.json) {
		rows = json_array();
		for (i = 0; i < n; i++)
			json_array_append_new(rows, entry_json(&list[i]));
		free(list);
		return render_json(json_pack("{s:o}", "tokens", rows), err);
	}
	printf(
	    "%-10s %-7s %-20s %-5s %-13s %s\n", "SERIAL", "FW", "FORM", "FIPS", "STATE", "READER");
	for (i = 0; i < n; i++)
		entry_text(&list[i]);
	free(list);
	return 0;
}

const struct command cmd_token_list = {"token list",
    "list every card in every reader, and why one is not usable", NULL, 0, 0, opt_only_common,
    .run = run_list, .of_token = true};

/* ---- info ---- */

static json_t *
tries_json(const struct token_pin_state *s)
{
	return json_pack("{s:o, s:o, s:o}", "tries_left",
	    s->tries_left < 0 ? json_null() : json_integer(s->tries_left), "tries",
	    s->tries_max < 0 ? json_null() : json_integer(s->tries_max), "factory",
	    s->known ? json_boolean(s->factory) : json_null());
}

static json_t *
cert_json(const struct workflow_token_slot *s)
{
	json_t *json = s->cert_readable ? render_cert(&s->cert) : json_null();

	if (s->cert_readable)
		json_object_set_new(json, "matches_key", json_boolean(s->cert_matches));
	return json;
}

static json_t *
key_json(const struct workflow_token_slot *s)
{
	if (!s->has_key)
		return json_null();
	if (!s->key_known)
		return json_object();
	return json_pack("{s:s, s:s, s:s, s:b}", "algorithm", key_alg_name(s->key.alg),
	    "pin_policy", pin_word(s->key.pin_policy), "touch_policy",
	    touch_word(s->key.touch_policy), "generated", s->key.generated);
}

static const char *
verdict(const struct workflow_token_slot *s)
{
	if (s->attest_code == 0)
		return s->attest_rehearsal ? "rehearsal" : "genuine";
	return s->attest_code == ERR_ABSENT ? "none" : "refused";
}

static json_t *
slot_json(const struct workflow_token_slot *s)
{
	char slot[3];

	snprintf(slot, sizeof(slot), "%02x", s->slot->slot);
	return json_pack("{s:s, s:s, s:s*, s:o, s:b, s:o, s:{s:s, s:s}}", "slot", slot, "name",
	    s->slot->name, "error", s->trouble[0] != '\0' ? s->trouble : NULL, "key", key_json(s),
	    "has_certificate", s->has_cert, "certificate", cert_json(s), "attestation", "verdict",
	    verdict(s), "text", s->attest);
}

static const char *
mgm_name(enum device_mgm_alg alg)
{
	static const struct token_word names[] = {{"3DES", MGM_3DES}, {"AES128", MGM_AES128},
	    {"AES192", MGM_AES192}, {"AES256", MGM_AES256}, {NULL, 0}};

	return token_word_of((uint8_t)alg, names);
}

static json_t *
mgm_json(const struct workflow_token_info *i)
{
	return json_pack("{s:s, s:o, s:b, s:b, s:b}", "algorithm", mgm_name(i->mgm.alg), "factory",
	    i->mgm.known ? json_boolean(i->mgm.factory) : json_null(), "touch", i->mgm.touch,
	    "protected", i->mgm_protected, "derived", i->mgm_derived);
}

static json_t *
info_json(const struct workflow_token_info *i)
{
	json_t *slots = json_array();
	size_t k;

	for (k = 0; k < i->n_slots; k++)
		json_array_append_new(slots, slot_json(&i->slots[k]));
	return json_pack(
	    "{s:I, s:s, s:s*, s:s*, s:b, s:b, s:b, s:o, s:o, s:o, s:s*, s:b, s:s, s:s*, s:o}",
	    "serial", (json_int_t)i->id.serial, "firmware", render_firmware(i->id.firmware),
	    "reader", i->id.reader, "form_factor",
	    i->config.known ? device_form_name(i->config.form_factor) : NULL, "fips",
	    i->config.fips_series, "fips_approved", i->config.fips_approved, "pin_complexity",
	    i->config.pin_complexity, "pin", tries_json(&i->pin), "puk",
	    i->no_puk ? json_null() : tries_json(&i->puk), "management_key", mgm_json(i), "guid",
	    i->has_guid ? render_hex(i->guid, sizeof(i->guid)) : NULL, "ccc", i->has_ccc, "state",
	    i->registered ? registry_token_state_name(i->state) : "unregistered", "holder",
	    i->holder[0] != '\0' ? i->holder : NULL, "slots", slots);
}

static void
tries_text(const char *what, const struct token_pin_state *s)
{
	printf("%-16s", what);
	if (s->tries_left < 0)
		printf("this firmware does not report it");
	else if (s->tries_left == 0)
		printf("BLOCKED");
	else
		printf("%d tries left", s->tries_left);
	if (s->tries_left > 0 && s->tries_max > 0)
		printf(" of %d", s->tries_max);
	printf("%s\n", s->known && s->factory ? ", still the factory default" : "");
}

static void
slot_text(const struct workflow_token_slot *s)
{
	printf("slot %02x (%s)\n", s->slot->slot, s->slot->name);
	if (s->trouble[0] != '\0') {
		printf("  NOT READ       %s\n", render_escaped(s->trouble));
		return;
	}
	if (s->key_known)
		printf("  key            %s, %s, PIN %s, touch %s\n", key_alg_name(s->key.alg),
		    s->key.generated ? "generated" : "imported", pin_word(s->key.pin_policy),
		    touch_word(s->key.touch_policy));
	else
		printf("  key            %s\n",
		    s->has_key ? "there" : "none, or this firmware does not report it");
	if (s->cert_readable) {
		printf("  certificate    %s\n  issuer         %s\n  until          %s%s\n",
		    render_escaped(s->cert.subject), render_escaped(s->cert.issuer),
		    render_when(s->cert.not_after),
		    s->has_key && !s->cert_matches ? "; NOT OF THIS KEY" : "");
	} else if (s->has_cert) {
		printf("  certificate    cannot be read\n");
	}
	if (s->has_key && s->slot->slot != DEVICE_SLOT_F9)
		printf("  attestation    %s: %s\n", verdict(s), render_escaped(s->attest));
}

static void
info_text(const struct workflow_token_info *i)
{
	size_t k;

	printf("token           %u, firmware %s, %s%s%s\n", i->id.serial,
	    render_firmware(i->id.firmware), device_form_name(i->config.form_factor),
	    !i->config.fips_series    ? ""
	    : i->config.fips_approved ? ", FIPS (approved mode)"
				      : ", FIPS (not in approved mode)",
	    i->config.pin_complexity ? ", simple PINs are rejected" : "");
	printf("reader          %s\n", render_escaped(i->id.reader));
	printf("registry        %s%s%s\n",
	    i->registered ? registry_token_state_name(i->state) : "not registered",
	    i->holder[0] != '\0' ? ", held by " : "", render_escaped(i->holder));
	tries_text("PIN", &i->pin);
	if (i->no_puk)
		printf("PUK             none\n");
	else
		tries_text("PUK", &i->puk);
	printf("management key  %s%s%s%s%s\n", mgm_name(i->mgm.alg),
	    i->mgm.known && i->mgm.factory ? ", still the factory default" : "",
	    i->mgm.touch ? ", requires touch" : "",
	    i->mgm_protected ? ", kept on the token behind the PIN" : "",
	    i->mgm_derived ? ", derived from a PIN" : "");
	printf("CHUID           %s\nCCC             %s\n",
	    i->has_guid ? render_hex(i->guid, sizeof(i->guid)) : "none",
	    i->has_ccc ? "there" : "none");
	for (k = 0; k < i->n_slots; k++)
		slot_text(&i->slots[k]);
}

static int
run_info(struct called *c, struct err *err)
{
	CLEAN(workflow_token_info_wipe) struct workflow_token_info info = {.n_slots = 0};
	int rc;

	if ((rc = workflow_token_info(&c->desk, &info, err)) != 0)
		return rc;
	if (opt.json && (rc = render_json(info_json(&info), err)) != 0)
		return rc;
	if (!opt.json)
		info_text(&info);
	return info.n_trouble == 0
		   ? 0
		   : err_set(err, ERR_FIT, "%zu slot%s of token %u could not be read",
			 info.n_trouble, info.n_trouble == 1 ? "" : "s", info.id.serial);
}

const struct command cmd_token_info = {"token info",
    "show slots, certificates, tries, policies and attestations", NULL, 0, 0, opt_only_token,
    .run = run_info, .of_token = true};

/* ---- export and attest ---- */

static int
run_export(struct called *c, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	uint8_t slot;
	int rc;

	if ((rc = cmd_token_slot(c->args[0], true, &slot, err)) != 0 ||
	    (rc = token_out_check(c->args[1], err)) != 0 ||
	    (rc = workflow_token_export(&c->desk, slot, public_key != 0, &der, err)) != 0)
		return rc;
	return token_out(c->args[1], &der, public_key ? PEM_SPKI : PEM_CERT, err);
}

const struct command cmd_token_export = {"token export",
    "export the certificate or the public key of a slot", "SLOT [FILE]", 1, 2, export_table,
    .run = run_export, .of_token = true};

static int
attest_json(
    const struct attestation *a, const struct blob *leaf, const struct blob *f9, struct err *err)
{
	CLEAN(blob_wipe) struct blob leaf_pem = {0}, f9_pem = {0};
	char slot[3];
	json_t *json;
	int rc;

	if ((rc = pem_put(leaf, PEM_CERT, &leaf_pem, err)) != 0 ||
	    (rc = pem_put(f9, PEM_CERT, &f9_pem, err)) != 0)
		return rc;
	json = json_pack("{s:s%, s:s%, s:b}", "attestation", leaf_pem.data, leaf_pem.len,
	    "intermediate", f9_pem.data, f9_pem.len, "verified", verify);
	if (!verify)
		return render_json(json, err);
	snprintf(slot, sizeof(slot), "%02x", a->slot);
	json_object_update_new(
	    json, json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:b}", "slot", slot,
		      "serial", (json_int_t)a->serial, "firmware", render_firmware(a->firmware),
		      "algorithm", key_alg_name(a->alg), "pin_policy", pin_word(a->pin_policy),
		      "touch_policy", touch_word(a->touch_policy), "fips", a->fips, "cspn", a->cspn,
		      "anchor", a->anchor, "rehearsal", a->rehearsal));
	return render_json(json, err);
}

static void
attest_text(const struct attestation *a)
{
	fprintf(stderr,
	    "slot %02x of token %u, firmware %s: an %s key made on the token; PIN %s, touch "
	    "%s%s; attested by %s%s\n",
	    a->slot, a->serial, render_firmware(a->firmware), key_alg_name(a->alg),
	    pin_word(a->pin_policy), touch_word(a->touch_policy), a->fips ? "; FIPS series" : "",
	    render_escaped(a->anchor), a->rehearsal ? " (REHEARSAL)" : "");
}

static int
run_attest(struct called *c, struct err *err)
{
	CLEAN(attestation_wipe) struct attestation a = {0};
	CLEAN(blob_wipe) struct blob leaf = {0}, f9 = {0};
	static const struct token_word least[] = {{"default", PIN_DEFAULT}, {"never", PIN_NEVER},
	    {"once", PIN_ONCE}, {"always", PIN_ALWAYS}, {NULL, 0}};
	struct workflow_token_attest what = {.slot = 0};
	int rc;

	if ((rc = cmd_token_slot(c->args[0], false, &what.slot, err)) != 0 ||
	    (rc = token_word(pin_policy, "--pin-policy", least, &what.pin_policy, err)) != 0 ||
	    (rc = token_word(touch_policy, "--touch-policy", token_touch_words, &what.touch_policy,
		 err)) != 0 ||
	    (rc = token_out_check(c->args[1], err)) != 0)
		return rc;
	if (!verify && (pin_policy != NULL || touch_policy != NULL))
		return err_set(err, ERR_USAGE,
		    "--pin-policy and --touch-policy can be used only with --verify");
	what.verify = verify != 0;
	if ((rc = workflow_token_attest(&c->desk, &what, &leaf, &f9, &a, err)) != 0)
		return rc;
	if (opt.json)
		return attest_json(&a, &leaf, &f9, err);
	if (verify)
		attest_text(&a);
	return token_out(c->args[1], f9_only ? &f9 : &leaf, PEM_CERT, err);
}

const struct command cmd_token_attest = {"token attest",
    "show that a key was generated on the token, and with which policies", "SLOT [FILE]", 1, 2,
    attest_table, .run = run_attest, .of_token = true};
