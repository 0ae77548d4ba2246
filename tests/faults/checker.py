#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Do card, registry, escrow, issuance log and CRL agree? Shares no code with ykenroll: sqlite3, openssl and, for a live
token, ykman say what is there.

	checker.py --key recovery.key --pass FILE [--mode done|interrupted|init] [--live] [--refused N] [--former-puk PUK] DIR...

Each DIR holds home/ and key.json, the state of a virtual key (absent with --mode init). In it, before/ may hold the same
from the moment of the interruption: then no byte of a secret in flight may be left. One line per complaint, "DIR: what";
exit status 1 if there was one. What must hold: I1 card and registry agree; I2 no signature without an intent, none that the
registry does not know; I3 one valid certificate, the others revoked; I4 no try lost; I5 what is on the card opens with what
escrow holds; I6 no serial number twice; I7 the CRL; I8 the audit chain; I9 no copy in flight afterwards.
"""
import argparse
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flow"))
import issuance

FACTORY_MGM = "010203040506070801020304050607080102030405060708"
FACTORY_PUK = "12345678"
CERT_OBJECT = "5fc105"
KINDS = ("management-key", "puk")


def run(*argv, data=None):
	p = subprocess.run(argv, input=data, stdin=None if data is not None else subprocess.DEVNULL,
		stdout=subprocess.PIPE, stderr=subprocess.PIPE)
	return p.returncode, p.stdout, p.stderr.decode(errors="replace").strip()


def sha256(data):
	return hashlib.sha256(data).digest()


def tlv(data, at=0):
	"""Tag, value and end of the DER element at this offset; tags of one byte."""
	n, p = data[at + 1], at + 2
	if n & 0x80:
		n, p = int.from_bytes(data[p:p + (n & 0x7F)], "big"), p + (n & 0x7F)
	if p + n > len(data):
		raise ValueError("truncated")
	return data[at], data[p:p + n], p + n


def element(data, at=0):
	"""The DER element at this offset with its header, and its end."""
	end = tlv(data, at)[2]
	return data[at:end], end


def cert_parts(der):
	"""TBSCertificate and serial number of a certificate."""
	tbs = element(tlv(der)[1])[0]
	inside = tlv(tbs)[1]
	at = tlv(inside)[2] if inside[0] == 0xA0 else 0
	return tbs, tlv(inside, at)[1].lstrip(b"\0").hex()


def copy_db(directory, name, to):
	"""With its write-ahead log: opening it changes the files."""
	for n in os.listdir(directory):
		if n.startswith(name):
			shutil.copy(os.path.join(directory, n), to)


class Point:
	def __init__(self, path, args):
		self.path, self.args = path, args
		self.home = os.path.join(path, "home")
		self.complaints = []
		self.temp = tempfile.mkdtemp(prefix="ykenroll-checker.")
		self.db = sqlite3.connect(":memory:")

	def bad(self, what):
		self.complaints.append(what)

	def want(self, ok, what):
		if not ok:
			self.bad(what)
		return ok

	# -- what is there

	def load(self):
		copy_db(self.home, "registry.db", self.temp)
		self.db = sqlite3.connect(os.path.join(self.temp, "registry.db"))
		self.db.row_factory = sqlite3.Row
		if self.args.mode != "init":
			with open(os.path.join(self.path, "key.json")) as f:
				self.card = json.load(f)

	def rows(self, sql, *values):
		return self.db.execute(sql, values).fetchall()

	def pub(self, name):
		return os.path.join(self.home, "pub", name)

	def file(self, name, data):
		path = os.path.join(self.temp, name)
		with open(path, "wb") as f:
			f.write(data)
		return path

	# -- the issuance log and the CRLs

	def log_row(self, row, seen):
		n, what, serial = row["n"], row["what"], (row["serial"] or b"").hex()
		if what == "intent":
			self.want(serial not in seen, f"I6: serial {serial} is used twice")
			seen[serial] = {"state": "intent", "tbs": row["data"], "client": row["text"] is not None}
		elif what == "signed":
			c = seen.get(serial)
			if not self.want(c is not None and c["state"] == "intent", f"I2: row {n}: {serial} signed without an intent"):
				c = seen[serial] = {"tbs": b"", "client": True}
			c["state"], c["der"] = "signed", row["data"]
			tbs, own = cert_parts(c["der"])
			self.want(tbs == c["tbs"], f"I2: row {n}: what was signed is not what was intended")
			self.want(own == serial, f"log: row {n}: the certificate has another serial number")
		elif what == "abandoned":
			seen[serial]["state"] = "abandoned"
		elif what == "forbidden":
			self.want(serial not in seen, f"log: row {n}: {serial} is forbidden after its intent")
			seen[serial] = {"state": "forbidden", "tbs": b"", "client": True}
		elif what == "revoked":
			seen[serial]["state"] = "revoked"
		elif what == "crl-intent":
			self.want(row["number"] > self.crls.get(row["ca"], {"number": 0})["number"], f"I7: CRL number, row {n}")
			self.crls[row["ca"]] = {"number": row["number"], "sha256": None}
		elif what == "crl-signed":
			c = self.crls.get(row["ca"])
			if self.want(c is not None and c["number"] == row["number"], f"I2: row {n}: CRL signed without an intent"):
				c["sha256"] = row["digest"].hex()

	def check_log(self):
		where = os.path.join(self.temp, "ca")
		os.mkdir(where)
		copy_db(os.path.join(self.home, "ca"), "issuance.db", where)
		log = issuance.connect(os.path.join(where, "issuance.db"))
		try:
			for (said,) in log.execute("PRAGMA integrity_check"):
				self.want(said == "ok", f"log: the file is damaged: {said}")
			self.read_log(log)
		finally:
			log.close()

	def read_log(self, log):
		self.certs, self.crls = {}, {}
		amount = issuance.Amount(lambda what: self.bad(f"log: {what}"))
		for row in issuance.read(log):
			amount.take(row)
			self.log_row(row, self.certs)
		amount.compare(log)
		self.want(amount.n > 0, "log: no rows")
		self.signed = {s: c for s, c in self.certs.items() if c["client"] and "der" in c}

	def crl_serials(self):
		rc, text, err = run("openssl", "crl", "-in", self.pub("issuing.crl"), "-noout", "-text")
		self.want(rc == 0, f"the CRL cannot be read: {err}")
		words = [line.split(b":")[1].strip().lower().decode() for line in text.split(b"\n") if b"Serial Number:" in line]
		return {w.lstrip("0") for w in words}

	def check_crl(self):
		gone = {s for s, c in self.certs.items() if c["state"] in ("abandoned", "revoked")}
		self.want(self.crl_serials() == gone, "I7: the CRL does not list what the log says is revoked")
		rc, der, err = run("openssl", "crl", "-in", self.pub("issuing.crl"), "-outform", "DER")
		self.want(rc == 0 and sha256(der).hex() == self.crls["issuing"]["sha256"], "I7: the CRL is not the log's last one")
		for s, c in self.certs.items():
			self.want(c["state"] != "intent", f"I2: the intent of {s} has no end")

	# -- the registry

	def check_registry(self):
		self.want(self.rows("PRAGMA integrity_check")[0][0] == "ok", "registry: integrity")
		self.want(not self.rows("PRAGMA foreign_key_check"), "registry: foreign keys")
		self.cert_rows = self.rows("SELECT hex(serial) AS s, state, der, token FROM certificates")
		known = {r["s"].lower(): r for r in self.cert_rows}
		for s in self.signed:
			self.want(s in known, f"I2: the CA signed {s}, and the registry does not know it")
		for r in self.cert_rows:
			if r["der"] is not None:
				c = self.signed.get(r["s"].lower())
				self.want(c is not None and c["der"] == r["der"], f"I2: the registry's {r['s']} is not the CA's")

	def check_cert_row(self, r, on_crl):
		s, state, signed = r["s"].lower(), r["state"], r["s"].lower() in self.signed
		if state == "active":
			held = self.tokens.get(r["token"]) == "suspended"
			self.want((s in on_crl) == held, "I3: the active certificate is revoked" if not held else
				"I3: the certificate of a suspended token is not on hold")
		elif state == "revoked":
			self.want(s in on_crl, f"I3: {s} is revoked and not on the CRL")
		elif state == "dropped":
			self.want(not signed or s in on_crl, f"I3: {s} was signed, is dropped and not on the CRL")
		else:
			self.bad(f"I3: a certificate is {state}")

	def check_done_rows(self):
		self.tokens = {r["serial"]: r["state"] for r in self.rows("SELECT serial, state FROM tokens ORDER BY serial")}
		states = list(self.tokens.values())
		self.want(states == self.args.tokens, f"I1: tokens are {states}")
		active = [r for r in self.cert_rows if r["state"] == "active"]
		for serial, state in self.tokens.items():
			want = 1 if state in ("active", "suspended") else 0
			n = len([r for r in active if r["token"] == serial])
			self.want(n == want, f"I3: {n} active certificates of a token that is {state}")
		self.want(len(active) > 0 or "active" not in self.args.tokens, "I3: 0 active certificates")
		self.active = [r for r in active if r["token"] == self.card["serial"]]
		on_crl = self.crl_serials()
		for r in self.cert_rows:
			self.check_cert_row(r, on_crl)
		self.want(not self.rows("SELECT 1 FROM works WHERE closed IS NULL"), "I1: work is open")
		n = len(self.rows("SELECT 1 FROM works WHERE outcome = 'finished'"))
		self.want(n in self.args.finished, f"I1: {n} works were finished, not {self.args.finished}")
		flights = self.rows("SELECT 1 FROM secrets WHERE flight IS NOT NULL OR state = 'pending'")
		self.want(not flights, "I9: a copy in flight is left")

	def audit_hash(self, r):
		h = b""
		for part in (b"ykenroll-audit-1", r["prev"], r["seq"].to_bytes(8, "big"), r["at"].to_bytes(8, "big"),
				r["actor"].encode(), r["action"].encode(), r["token"].to_bytes(8, "big"), r["detail"].encode()):
			h += len(part).to_bytes(4, "big") + part
		return sha256(h)

	def check_audit(self):
		prev, actions = bytes(32), []
		for n, r in enumerate(self.rows("SELECT * FROM audit ORDER BY seq"), 1):
			ok = r["seq"] == n and r["prev"] == prev and r["hash"] == self.audit_hash(r)
			if not self.want(ok, f"I8: audit row {n} does not fit"):
				return
			prev = r["hash"]
			actions.append(r["action"])
		self.want("init" in actions, "I8: no audit row of init")
		if self.args.mode == "done":
			for a in ("begin", "prepare", "issue", "finish"):
				self.want(a in actions, f"I8: no audit row of {a}")
			n = actions.count("finish")
			self.want(n in self.args.finished, f"I8: finished {n} times, not {self.args.finished}")

	# -- escrow

	def opened(self, row):
		"""The value that is sealed in a row of secrets, or None."""
		kind, sealed = row["kind"], row["recovery"]
		self.want(sha256(sealed) == row["sha256"], f"I5: hash of the {kind}")
		rc, text, err = run("openssl", "cms", "-decrypt", "-inform", "DER", "-inkey", self.args.plain_key,
			"-recip", os.path.join(self.home, "recovery.crt"), data=sealed)
		if not self.want(rc == 0, f"I5: the {kind} does not open: {err}"):
			return None
		words = dict(line.split(" ", 1) for line in text.decode().split("\n") if " " in line)
		label = (words.get("serial"), words.get("kind"), words.get("version"))
		if not self.want(label == (str(row["token"]), kind, str(row["version"])), f"I5: the sealed {kind} is of {label}"):
			return None
		return words["value"].strip()

	def check_escrow(self):
		mgm = self.card["management_key"]["value"].lower()
		puk = bytes.fromhex(self.card["puk"]["value"]).rstrip(b"\xff")
		states = "('current')" if self.args.mode == "done" else "('current', 'pending', 'old')"
		values = {k: set() for k in KINDS}
		for r in self.rows(f"SELECT * FROM secrets WHERE state IN {states} AND token = ?", self.card["serial"]):
			values[r["kind"]].add((self.opened(r) or "").lower())
		on_card = {"management-key": mgm, "puk": puk.decode(errors="replace").lower()}
		former = {"management-key": FACTORY_MGM, "puk": self.args.former_puk}
		for k in KINDS:
			if self.args.mode == "interrupted" and on_card[k] == former[k]:
				continue
			self.want(on_card[k] in values[k], f"I5: the {k} on the card is not the one in escrow")
		keys = values["management-key"]
		self.mgm = mgm if mgm in keys else next(iter(keys), None)

	# -- the card

	def check_tries(self):
		w = self.card["witness"]
		refused = w["refused_verify"] + w["refused_change"] + w["refused_reset_retry"]
		self.want(refused <= self.args.refused, f"I4: the card refused {refused} times")
		for what in () if self.args.blocking else ("pin", "puk"):
			r = self.card[what]
			self.want(r["left"] == r["max"], f"I4: {what}: {r['left']} of {r['max']} tries are left")

	def check_pin(self):
		if self.args.pin:
			with open(self.args.pin, "rb") as f:
				want = f.read().strip()
			self.want(bytes.fromhex(self.card["pin"]["value"]).rstrip(b"\xff") == want, "I1: the PIN is not the holder's")

	def check_wiped(self):
		mgm = self.card["management_key"]["value"].lower()
		self.want(mgm == FACTORY_MGM, "I1: the management key is not the factory's")
		self.want(not [s for s in self.card["slots"] if s != "f9"], "I1: there are keys on the card")

	def card_cert(self):
		data, at = bytes.fromhex(self.card["objects"].get(CERT_OBJECT, "")), 0
		while at < len(data):
			tag, value, at = tlv(data, at)
			if tag == 0x70:
				return value
		return b""

	def check_cert(self):
		der = self.card_cert()
		if not self.want(der != b"", "I1: no certificate on the card"):
			return
		self.want([r["der"] for r in self.active] == [der], "I1: the certificate on the card is not the active one")
		cert = self.file("cert.der", der)
		cas = b"".join(open(self.pub(n), "rb").read() for n in ("root.crt", "issuing.crt"))
		crls = b"".join(open(self.pub(n), "rb").read() for n in ("root.crl", "issuing.crl"))
		rc, _, err = run("openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-crl_check_all",
			"-CAfile", self.file("cas.pem", cas), "-CRLfile", self.file("crls.pem", crls), cert)
		self.want(rc == 0, f"I1: openssl does not verify the certificate: {err}")
		slot = self.card["slots"].get("9a")
		if not self.want(slot is not None and slot.get("origin") == 1, "I1: no generated key in slot 9A"):
			return
		rc1, own, _ = run("openssl", "pkey", "-inform", "DER", "-pubout", data=bytes.fromhex(slot["key"]))
		rc2, its, _ = run("openssl", "x509", "-inform", "DER", "-in", cert, "-noout", "-pubkey")
		self.want(rc1 == 0 and rc2 == 0 and own == its, "I1: the key in slot 9A is not the certificate's")

	def check_live(self):
		"""The token itself, asked by ykman: does it open, is its certificate the one that the registry has?"""
		device = ("ykman", "--device", str(self.card["serial"]), "piv")
		rc, out, err = run(*device, "certificates", "export", "-F", "DER", "9a", "-")
		self.want(rc == 0 and [r["der"] for r in self.active] == [out], f"live: ykman reads another certificate: {err}")
		if self.mgm is not None:
			rc, _, err = run(*device, "access", "change-management-key", "-a", "AES192", "-m", self.mgm, "-n", self.mgm, "-f")
			self.want(rc == 0, f"live: ykman cannot authenticate with the key from escrow: {err}")

	def check_flight_bytes(self):
		"""No bytes of a copy that was in flight when it was interrupted, in any file of the registry."""
		before = os.path.join(self.path, "before", "home")
		if not os.path.exists(os.path.join(before, "registry.db")):
			return
		temp = os.path.join(self.temp, "before")
		os.mkdir(temp)
		copy_db(before, "registry.db", temp)
		db = sqlite3.connect(os.path.join(temp, "registry.db"))
		flights = [r[0] for r in db.execute("SELECT flight FROM secrets WHERE flight IS NOT NULL")]
		db.close()
		for name in os.listdir(self.home):
			if name.startswith("registry.db"):
				with open(os.path.join(self.home, name), "rb") as f:
					data = f.read()
				for b in flights:
					self.want(b[-48:] not in data, f"I9: bytes of a copy in flight are left in {name}")

	# -- all of it

	def check_init(self):
		crt = os.path.join(self.home, "recovery.crt")
		rc1, own, _ = run("openssl", "pkey", "-in", self.args.plain_key, "-pubout")
		rc2, its, _ = run("openssl", "x509", "-in", crt, "-noout", "-pubkey")
		self.want(rc1 == 0 and rc2 == 0 and own == its, "I5: recovery.crt is not of the recovery key")
		rc, _, err = run("openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", self.pub("root.crt"),
			"-CRLfile", self.pub("root.crl"), self.pub("issuing.crt"))
		self.want(rc == 0, f"openssl does not verify the issuing CA: {err}")

	def check(self):
		mode = self.args.mode
		self.load()
		self.check_log()
		self.check_registry()
		self.check_audit()
		if mode != "interrupted":
			self.check_crl()
			self.check_init()
		if mode == "init":
			return
		self.check_tries()
		if mode == "done" and self.args.wiped:
			self.check_done_rows()
			self.check_wiped()
			return
		self.check_escrow()
		if mode == "done":
			self.check_done_rows()
			if self.tokens.get(self.card["serial"]) == "active":
				self.check_cert()
			self.check_pin()
			self.check_flight_bytes()
		if self.args.live:
			self.check_live()


def complaints(path, args):
	point = Point(path, args)
	try:
		point.check()
	except (KeyError, TypeError, ValueError, IndexError, OSError, sqlite3.Error) as e:
		point.bad(f"cannot be read: {type(e).__name__}: {e}")
	finally:
		point.db.close()
		shutil.rmtree(point.temp, ignore_errors=True)
	return point.complaints


def main():
	p = argparse.ArgumentParser(allow_abbrev=False)
	p.add_argument("--key", required=True)
	p.add_argument("--pass", dest="passfile", required=True)
	p.add_argument("--pin", help="file with the PIN that the card must have")
	p.add_argument("--mode", choices=("done", "interrupted", "init"), default="done")
	p.add_argument("--live", action="store_true")
	p.add_argument("--refused", type=int, default=0, help="so many refused PINs and PUKs are right")
	p.add_argument("--former-puk", default=FACTORY_PUK, help="that the card had before")
	p.add_argument("--blocking", action="store_true", help="PIN and PUK were being blocked: tries may be gone")
	p.add_argument("--tokens", default=["active"], type=lambda s: s.split(","),
		help="the states that the tokens must have, by serial, with commas between")
	p.add_argument("--finished", default=[1], type=lambda s: [int(n) for n in s.split(",")],
		help="so many works must have been finished; several numbers have commas between")
	p.add_argument("--wiped", action="store_true", help="the card must be as from the factory")
	p.add_argument("points", nargs="+")
	args = p.parse_args()
	top = tempfile.mkdtemp(prefix="ykenroll-checker.")
	args.plain_key = os.path.join(top, "key")
	os.umask(0o077)
	rc, out, err = run("openssl", "pkey", "-in", args.key, "-passin", "file:" + args.passfile, "-out", args.plain_key)
	if rc != 0:
		print(f"{args.key}: {err}")
		return 1
	with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
		lists = list(pool.map(lambda path: complaints(path, args), args.points))
	shutil.rmtree(top, ignore_errors=True)
	bad = sum(len(found) for found in lists)
	for path, found in zip(args.points, lists):
		for c in found:
			print(f"{path}: {c}")
	print(f"{len(args.points)} checked, {bad} complaints")
	return 1 if bad else 0


sys.exit(main())
