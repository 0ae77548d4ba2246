#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The issuance log as another program reads it: ca/issuance.db by sqlite3 and hashlib alone.

  issuance.py verify DB        does every row follow the one before, and are certs and sums what the rows amount to?
  issuance.py rows DB [SQL]    the rows as JSON lines, blobs in hexadecimal; SQL: "what = 'intent' AND text = 'client'"
  issuance.py append DB JSON   one row more, as the signer would write it: chain, certs and sums
  issuance.py forge DB         make the chain of edited rows fit, as their editor would
  issuance.py converted DB OLD verify, and the rows say what the lines of a former release's log say
"""
import base64
import calendar
import hashlib
import json
import sqlite3
import sys
import time

COLUMNS = ("n", "at", "peer", "what", "ca", "serial", "number", "not_after", "revoked", "text", "digest", "data",
           "audit_rows", "audit_head")
LABEL = b"ykenroll-issuance-1"
CAS = ("issuing", "root")
INTENT, SIGNED, ABANDONED, FORBIDDEN = range(4)
HOLD = 6
CERT = ("ca", "state", "reason", "released", "revoked_at", "not_after", "intent", "row")


def field(data):
    return len(data).to_bytes(4, "big") + data


def column(value):
    if value is None:
        return b"\xff\xff\xff\xff"
    if isinstance(value, int):
        return field(value.to_bytes(8, "big", signed=True))
    return field(value.encode() if isinstance(value, str) else value)


def row_hash(prev, values):
    return hashlib.sha256(field(LABEL) + field(prev) + b"".join(map(column, values))).digest()


def connect(path):
    """Only to read: a signer may be at work."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def read(db):
    """Each row as a dictionary, with prev and hash."""
    names = COLUMNS + ("prev", "hash")
    for values in db.execute(f"SELECT {', '.join(names)} FROM rows ORDER BY n"):
        yield dict(zip(names, values))


class Amount:
    """What the rows amount to. bad(TEXT) is called with what cannot be."""

    def __init__(self, bad):
        self.bad = bad
        self.head, self.n, self.last = bytes(32), 0, 0
        self.certs = {}
        self.crls = {ca: [0, 0, bytes(32)] for ca in CAS}
        self.audit, self.stale = (0, bytes(32)), 0

    def take(self, row):
        n = row["n"]
        if n != self.n + 1:
            self.bad(f"row {self.n + 1} is missing")
        if row["prev"] != self.head:
            self.bad(f"the chain breaks at row {n}")
        if row["hash"] != row_hash(row["prev"], [row[c] for c in COLUMNS]):
            self.bad(f"row {n} does not have its hash")
        if row["at"] < self.last:
            self.bad(f"row {n} is older than the one before it")
        self.n, self.head, self.last = n, row["hash"], row["at"]
        self.means(n, row)
        if row["audit_rows"] > 0 and row["audit_rows"] >= self.audit[0]:
            self.audit = (row["audit_rows"], row["audit_head"])

    def new(self, n, row, /, **cert):
        serial = row["serial"].rjust(20, b"\0")
        if serial in self.certs:
            self.bad(f"row {n}: serial {row['serial'].hex()} is used twice")
        self.certs[serial] = dict.fromkeys(CERT, 0) | {"row": n} | cert

    def moved(self, n, row, states, /, **change):
        c = self.certs.get(row["serial"].rjust(20, b"\0"))
        if c is None or c["state"] not in states:
            return self.bad(f"row {n}: {row['serial'].hex()} is {row['what']} without having come to that")
        c.update(change)
        return c

    def means(self, n, row):
        what, ca = row["what"], CAS.index(row["ca"]) if row["ca"] in CAS else 0
        self.stale |= what in ("abandoned", "revoked", "released") or row["revoked"] != 0
        if what == "intent":
            self.new(n, row, ca=ca, not_after=row["not_after"], intent=n)
        elif what == "import":
            self.new(n, row, ca=ca, not_after=row["not_after"], state=SIGNED, reason=row["number"], revoked_at=row["revoked"])
        elif what == "import-cert":
            c = self.moved(n, row, (SIGNED,), not_after=row["not_after"], row=n)
            if c is not None and c["intent"] != 0:
                self.bad(f"row {n}: {what} of a certificate that was issued here")
        elif what == "forbidden":
            self.new(n, row, state=FORBIDDEN)
        elif what == "signed":
            self.moved(n, row, (INTENT,), state=SIGNED, row=n)
        elif what == "abandoned":
            self.moved(n, row, (INTENT,), state=ABANDONED, revoked_at=row["at"])
        elif what == "revoked":
            c = self.moved(n, row, (SIGNED,), reason=row["number"], released=0)
            if c is not None:
                c["revoked_at"] = c["revoked_at"] or row["at"]
        elif what == "released":
            c = self.moved(n, row, (SIGNED,))
            if c is None or c["revoked_at"] == 0 or c["reason"] != HOLD:
                return self.bad(f"row {n}: released, and was not on hold")
            c.update(revoked_at=0, reason=0, released=1)
        elif what in ("crl-intent", "import-crl"):
            if row["number"] <= self.crls[row["ca"]][0]:
                self.bad(f"row {n}: the CRL's number does not rise")
            self.crls[row["ca"]][0] = row["number"]
        elif what == "crl-signed":
            crl = self.crls[row["ca"]]
            if row["number"] != crl[0] or row["number"] == crl[1]:
                self.bad(f"row {n}: a CRL is signed without an intent")
            crl[1:] = row["number"], row["digest"]
            self.stale &= row["ca"] != "issuing"
        elif what not in ("import-ca", "torn", "converted"):
            self.bad(f"row {n} is called {what}")

    def sums(self):
        return (1, len(self.certs), int(self.stale), *self.audit, *self.crls["issuing"], *self.crls["root"])

    def compare(self, db):
        """With the tables that the signer works with."""
        kept = {s: dict(zip(CERT, rest)) for s, *rest in db.execute(f"SELECT serial, {', '.join(CERT)} FROM certs")}
        for serial in sorted(kept.keys() | self.certs.keys()):
            if kept.get(serial) != self.certs.get(serial):
                self.bad(f"certs: {serial.lstrip(bytes(1)).hex()} is {kept.get(serial)}, by the rows {self.certs.get(serial)}")
        sums = db.execute("SELECT one, certs, stale, audit_rows, audit_head, issuing_number, issuing_signed, issuing_sha256,"
                          " root_number, root_signed, root_sha256 FROM sums").fetchall()
        if sums != [self.sums()]:
            self.bad(f"sums are {sums}, by the rows {self.sums()}")

    def save(self, db):
        db.execute("DELETE FROM certs")
        db.executemany("INSERT INTO certs (serial, " + ", ".join(CERT) + ") VALUES (" + ", ".join("?" * 9) + ")",
                       ((s, *c.values()) for s, c in self.certs.items()))
        db.execute("INSERT OR REPLACE INTO sums VALUES (" + ", ".join("?" * 11) + ")", self.sums())


def append(db, amount, **values):
    row = dict.fromkeys(COLUMNS) | {"n": amount.n + 1, "at": amount.last, "peer": 0, "number": 0, "not_after": 0, "revoked": 0,
                                    "audit_rows": 0} | values
    row["prev"] = amount.head
    row["hash"] = row_hash(row["prev"], [row[c] for c in COLUMNS])
    amount.take(row)
    db.execute("INSERT INTO rows (" + ", ".join(row) + ") VALUES (" + ", ".join("?" * len(row)) + ")", list(row.values()))


def verify(path):
    faults = []
    db = connect(path)
    db.execute("BEGIN")  # rows and tables of one moment
    amount = Amount(faults.append)
    for row in read(db):
        amount.take(row)
    amount.compare(db)
    if amount.n == 0:
        faults.append("there is no row")
    return faults


# ---- a former release's log: JSON lines, each with the hash of the line before ----

def seconds(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) if text else 0


def of_line(e):
    """The row that such a line must have become."""
    blob = lambda *names: next((base64.b64decode(e[x]) for x in names if e.get(x)), None)
    digest = e.get("attestation" if e["what"] == "intent" else "sha256")
    number = next((e[x] for x in ("number", "reason", "token", "bytes") if x in e), 0)
    return {"n": e["n"], "at": seconds(e["time"]), "peer": e["peer"], "what": e["what"], "ca": e.get("ca"),
            "serial": bytes.fromhex(e["serial"]) if "serial" in e else None, "number": number,
            "not_after": seconds(e.get("not_after")), "revoked": seconds(e.get("revoked")),
            "text": e.get("profile", e.get("subject")), "digest": bytes.fromhex(digest) if digest else None,
            "data": blob("tbs", "cert"), "audit_rows": e.get("audit_rows", 0),
            "audit_head": bytes.fromhex(e["audit_head"]) if "audit_head" in e else None}


def converted(path, old):
    lines = open(old, "rb").read().split(b"\n")
    tail, prev, faults = lines.pop(), "0" * 64, verify(path)
    rows = list(read(connect(path)))
    for n, line in enumerate(lines, 1):
        e = json.loads(line)
        if e["n"] != n or e["prev"] != prev:
            faults.append(f"the old line {n} does not follow")
        prev = hashlib.sha256(line).hexdigest()
        row = rows[n - 1] if n <= len(rows) else {}
        faults += [f"row {n} has {k} {row.get(k)}, the line {v}" for k, v in of_line(e).items() if row.get(k) != v]
    rest = rows[len(lines):]
    if tail and (not rest or (rest[0]["what"], rest[0]["number"]) != ("torn", len(tail))):
        faults.append("that a line was torn is not said")
    mark = rest[1 if tail else 0] if rest else {}
    if (mark.get("what"), mark.get("number"), mark.get("digest")) != ("converted", len(lines), bytes.fromhex(prev)):
        faults.append("no row says of which lines the ones before were made")
    return faults


def forge(path):
    db, prev = sqlite3.connect(path), bytes(32)
    for row in list(read(db)):
        digest = row_hash(prev, [row[c] for c in COLUMNS])
        db.execute("UPDATE rows SET prev = ?, hash = ? WHERE n = ?", (prev, digest, row["n"]))
        prev = digest
    db.commit()


def append_to(path, text):
    db = sqlite3.connect(path)
    amount = Amount(sys.exit)
    for row in read(db):
        amount.take(row)
    values = json.loads(text)
    append(db, amount, **{k: bytes.fromhex(v) if k in ("serial", "digest", "data", "audit_head") else v for k, v in values.items()})
    amount.save(db)
    db.commit()


def show(path, where="1"):
    hexed = lambda v: v.hex() if isinstance(v, bytes) else v
    db = connect(path)
    wanted = {n for n, in db.execute(f"SELECT n FROM rows WHERE {where}")}
    for row in read(db):
        if row["n"] in wanted:
            print(json.dumps({k: hexed(v) for k, v in row.items()}))


if __name__ == "__main__":
    found = {"verify": verify, "rows": show, "append": append_to, "forge": forge, "converted": converted}[sys.argv[1]](*sys.argv[2:])
    if found:
        sys.exit("\n".join(found[:20]))
