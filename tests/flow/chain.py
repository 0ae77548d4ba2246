#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The audit chain as another program computes it.

  chain.py            verify JSON lines on standard input
  chain.py --db FILE  verify a database
  chain.py --forge FILE  make the chain of an edited database fit, as its editor would
"""
import calendar
import hashlib
import json
import sqlite3
import sys
import time


def field(data):
    return len(data).to_bytes(4, "big") + data


def row_hash(prev, seq, at, actor, action, token, detail):
    number = lambda n: field(n.to_bytes(8, "big", signed=True))
    return hashlib.sha256(
        field(b"ykenroll-audit-1") + field(prev) + number(seq) + number(at) + field(actor.encode())
        + field(action.encode()) + number(token) + field(detail.encode())).digest()


def verify(rows):
    prev = bytes(32)
    for seq, at, actor, action, token, detail, kept_prev, kept in rows:
        if kept_prev != prev or row_hash(prev, seq, at, actor, action, token, detail) != kept:
            sys.exit("row %d does not fit" % seq)
        prev = kept


def of_db(path):
    return sqlite3.connect(path).execute(
        "SELECT seq, at, actor, action, token, detail, prev, hash FROM audit ORDER BY seq").fetchall()


def forge(path):
    db = sqlite3.connect(path)
    prev, rows = bytes(32), of_db(path)
    # prev is unique: out of the way first
    for row in rows:
        db.execute("UPDATE audit SET prev = ? WHERE seq = ?", (hashlib.sha256(b"%d" % row[0]).digest(), row[0]))
    for row in rows:
        digest = row_hash(prev, *row[:6])
        db.execute("UPDATE audit SET prev = ?, hash = ? WHERE seq = ?", (prev, digest, row[0]))
        prev = digest
    db.commit()


if len(sys.argv) == 3 and sys.argv[1] == "--forge":
    forge(sys.argv[2])
elif len(sys.argv) == 3 and sys.argv[1] == "--db":
    verify(of_db(sys.argv[2]))
else:
    lines = [json.loads(line) for line in sys.stdin]
    verify([(o["row"], calendar.timegm(time.strptime(o["at"], "%Y-%m-%dT%H:%M:%SZ")), o["actor"], o["action"],
             o["token"], o["detail"], bytes.fromhex(o["prev"]), bytes.fromhex(o["hash"])) for o in lines])
