# SPDX-License-Identifier: BSD-2-Clause
# fill.py [--old] N LOG INDEX revoked|half|valid [REGISTRY]: a past for a CA: N certificates in its issuance log, in an index.txt
# of openssl ca, and in the registry. Revoked: every third for key compromise, every third superseded, every third without a
# reason; half: every second certificate, superseded. The rows carry no certificates: what is measured does not read them.
# LOG is ca/issuance.db; with --old it is the ca/issuance.log of release 0.1.0, JSON lines. The same serials in both. Nothing
# else may have the files open.
import datetime
import hashlib
import json
import os
import random
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flow"))
import issuance

old = sys.argv[1] == "--old"
n, log, index, how = int(sys.argv[1 + old]), *sys.argv[2 + old:5 + old]
registry = sys.argv[5 + old:]
now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0, tzinfo=None)
end = now + datetime.timedelta(days=700)
utc = lambda t: int(t.replace(tzinfo=datetime.timezone.utc).timestamp())
reasons = (1, ",keyCompromise"), (4, ",superseded"), (0, "")
WHY = {"revoked": lambda i: reasons[i % 3], "half": lambda i: reasons[1] if i % 2 else None, "valid": lambda i: None}[how]
# of another CA's records, so that nobody asks for the certificates; they are not revoked
LAST = [bytes([b] * 7) for b in (0x2a, 0x2b, 0x2c)]


def serials():
    rng = random.Random(n)
    for _ in range(n):
        raw = bytearray(rng.randbytes(16))
        raw[0] = 0x40 | raw[0] & 0x3f
        yield bytes(raw)


class Lines:
    def __init__(self):
        with open(log, "rb") as f:
            last = f.read().splitlines()[-1]
        self.prev, self.n = hashlib.sha256(last).hexdigest(), json.loads(last)["n"]
        self.time, self.end, self.to = now.isoformat() + "Z", end.isoformat() + "Z", open(log, "a")

    def put(self, rest):
        self.n += 1
        line = f'{{"n":{self.n},"time":"{self.time}","peer":0,{rest},"prev":"{self.prev}"}}'
        self.prev = hashlib.sha256(line.encode()).hexdigest()
        self.to.write(line + "\n")

    def cert(self, raw, reason):
        serial = raw.hex()
        self.put(f'"what":"intent","ca":"issuing","serial":"{serial}","not_after":"{self.end}","sha256":"","tbs":""')
        self.put(f'"what":"signed","serial":"{serial}","cert":"AAAA"')
        if reason is not None:
            self.put(f'"what":"revoked","serial":"{serial}","reason":{reason}')

    def finish(self):
        for last in LAST:
            self.put(f'"what":"import","ca":"issuing","serial":"{last.hex()}","not_after":"{self.end}","subject":"/CN=last"')
        self.to.close()


class Kind:
    """A row of which only the number, the serial and the chain change: the rest is encoded once."""

    def __init__(self, **values):
        row = dict.fromkeys(issuance.COLUMNS) | {"at": utc(now), "peer": 0, "number": 0, "not_after": 0, "revoked": 0, "audit_rows": 0}
        row |= values
        self.values = [row[c] for c in issuance.COLUMNS]
        encode = lambda names: b"".join(issuance.column(row[c]) for c in names)
        at = issuance.COLUMNS.index("serial")
        self.middle, self.behind = encode(issuance.COLUMNS[1:at]), encode(issuance.COLUMNS[at + 1:])
        self.head, self.tail = tuple(self.values[1:at]), tuple(self.values[at + 1:])
        self.label = issuance.field(issuance.LABEL) + b"\0\0\0\x20"

    def row(self, n, serial, prev):
        digest = hashlib.sha256(self.label + prev + b"\0\0\0\x08" + n.to_bytes(8, "big") + self.middle + b"\0\0\0" +
                                bytes([len(serial)]) + serial + self.behind).digest()
        return (n, *self.head, serial, *self.tail, prev, digest), digest


class Database:
    def __init__(self):
        self.db = sqlite3.connect(log, isolation_level=None)
        # one transaction, and nobody who would miss it
        for sql in "PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -200000", "BEGIN":
            self.db.execute(sql)
        self.n, self.prev = self.db.execute("SELECT n, hash FROM rows ORDER BY n DESC LIMIT 1").fetchone()
        self.intent = Kind(what="intent", ca="issuing", not_after=utc(end))
        self.signed = Kind(what="signed", data=b"\0\0\0")
        self.gone = [Kind(what="revoked", number=r) for r in range(11)]
        self.all, self.certs = [], []

    def put(self, kind, serial):
        self.n += 1
        row, self.prev = kind.row(self.n, serial, self.prev)
        self.all.append(row)

    def flush(self):
        self.db.executemany("INSERT INTO rows VALUES (" + ", ".join("?" * 16) + ")", self.all)
        self.all.clear()

    def cert(self, raw, reason):
        self.put(self.intent, raw)
        self.put(self.signed, raw)
        at = utc(now) if reason is not None else 0
        self.certs.append((raw.rjust(20, b"\0"), 0, issuance.SIGNED, reason or 0, 0, at, utc(end), self.n - 1, self.n))
        if reason is not None:
            self.put(self.gone[reason], raw)
        if len(self.all) > 30000:
            self.flush()

    def finish(self):
        for last in LAST:
            self.put(Kind(what="import", ca="issuing", not_after=utc(end), text="/CN=last"), last)
            self.certs.append((last.rjust(20, b"\0"), 0, issuance.SIGNED, 0, 0, 0, utc(end), 0, self.n))
        self.flush()
        self.certs.sort()
        self.db.executemany("INSERT INTO certs (serial, " + ", ".join(issuance.CERT) + ") VALUES (" + ", ".join("?" * 9) + ")", self.certs)
        self.db.execute("UPDATE sums SET certs = certs + ?, stale = stale OR ?", (len(self.certs), any(c[5] for c in self.certs)))
        self.db.execute("COMMIT")
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.close()


to = Lines() if old else Database()
index_time, index_end = now.strftime("%y%m%d%H%M%SZ"), end.strftime("%y%m%d%H%M%SZ")
with open(index, "w") as ix:
    for i, raw in enumerate(serials()):
        why = WHY(i)
        to.cert(raw, why and why[0])
        state = f"R\t{index_end}\t{index_time}{why[1]}" if why else f"V\t{index_end}\t"
        ix.write(f"{state}\t{raw.hex().upper()}\tunknown\t/CN=x{i}\n")
to.finish()
if registry:
    db = sqlite3.connect(registry[0])
    t = utc(now)
    db.executemany("INSERT INTO software (serial, profile, subject, der, not_before, not_after, issued) VALUES (?, 'software', 'CN=x', "
                   f"zeroblob(700), {t}, {t + 86400}, {t})", ((s,) for s in serials()))
    db.commit()
