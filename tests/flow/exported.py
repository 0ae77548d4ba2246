#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""exported.py FILE: is an export of the issuance log whole, judged from its JSON lines alone?

Every row has the hash of its columns and of the row before; a serial is intended once; what was signed is what was intended;
CRL numbers rise. Prints how many rows and certificates there are, and the last hash, which may be compared with another copy's."""
import hashlib
import json
import sys

OCTETS = ("serial", "digest", "data", "audit_head")


def field(data):
    return len(data).to_bytes(4, "big") + data


def encoded(name, value):
    if value is None:
        return b"\xff" * 4
    if name in OCTETS:
        return field(bytes.fromhex(value))
    return field(value.to_bytes(8, "big", signed=True) if isinstance(value, int) else value.encode())


prev, n, certificates, crls, intents = "00" * 32, 0, 0, {}, {}
for line in open(sys.argv[1], encoding="utf-8"):
    row = json.loads(line)
    said, n = row.pop("hash"), n + 1
    told = row.pop("prev")
    body = field(b"ykenroll-issuance-1") + field(bytes.fromhex(told)) + b"".join(encoded(*c) for c in row.items())
    assert row["n"] == n and told == prev, f"row {n} does not follow"
    assert hashlib.sha256(body).hexdigest() == said, f"row {n} does not have its hash"
    prev = said
    if row["what"] == "intent":
        assert row["serial"] not in intents, f"row {n}: the serial was used before"
        intents[row["serial"]] = row["data"]
    elif row["what"] == "signed":
        certificates += 1
        # behind the head of the SEQUENCE that a certificate is
        assert bytes.fromhex(row["data"]).find(bytes.fromhex(intents[row["serial"]])) == 4, f"row {n} is not what was intended"
    elif row["what"] in ("crl-intent", "import-crl"):
        assert row["number"] > crls.get(row["ca"], 0), f"row {n}: the CRL's number does not rise"
        crls[row["ca"]] = row["number"]
print(n, certificates, prev)
