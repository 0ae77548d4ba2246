# SPDX-License-Identifier: BSD-2-Clause
# signer_load.py drive HOME REQUESTS COUNT KILLS OUT SOCKET...   desks at the sockets, a signer that is killed; OUT.N are theirs
# signer_load.py judge HOME OUT CALLS                            do log, CRL, HSM and desks agree? CALLS: the module's log
# Nothing of ykenroll's is used to judge: sqlite3, hashlib, and openssl.
import glob
import hashlib
import os
import random
import re
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flow"))
import issuance


def lines(out):
    return sum(1 for name in glob.glob(out + ".*") for _ in open(name))


class Signer:
    def __init__(self, home):
        self.command = ["ykenroll", "signer", "--home", home, "--ca-pass", "file:" + os.environ["T"] + "/hsmpin"]
        self.log = open(os.environ["T"] + "/signer.err", "ab")

    def start(self):
        self.p = subprocess.Popen(self.command, stderr=self.log, stdin=subprocess.DEVNULL)

    def kill(self, sig=9):
        if self.p.poll() is not None:
            sys.exit(f"the signer ended by itself: {self.p.returncode}")
        self.p.send_signal(sig)
        return self.p.wait()


def drive(home, requests, count, kills, out, *sockets):
    n = len(glob.glob(requests + "/*.csr"))
    seed = int(os.environ.get("SEED") or random.randrange(1 << 30))
    rng = random.Random(seed)
    count, kills = int(count), int(kills)
    signer = Signer(home)
    signer.start()
    each = [count // len(sockets) + (i < count % len(sockets)) for i in range(len(sockets))]
    begin = time.monotonic()
    desks = [
        subprocess.Popen([os.environ["LOAD"], "run", requests, str(n), s, str(each[i]), str(seed + i), f"{out}.{i}"])
        for i, s in enumerate(sockets)
    ]
    # kills at random moments, spread over the work; when a signer lives is for the desks' lines to say
    points = sorted(rng.randrange(1, max(2, count)) for _ in range(kills))
    done = early = 0
    for at in points:
        while lines(out) < at and any(d.poll() is None for d in desks):
            time.sleep(0.002)
        if all(d.poll() is not None for d in desks):
            early += 1
        time.sleep(rng.random() * 0.03)
        signer.kill()
        done += 1
        if rng.random() < 0.3:
            time.sleep(rng.random() * 0.2)
        signer.start()
        if rng.random() < 0.2:
            time.sleep(rng.random() * 0.1)  # in the middle of its start
            signer.kill()
            signer.start()
    rc = [d.wait(timeout=600) for d in desks]
    span = time.monotonic() - begin
    signer.kill(15)
    print(f"# seed {seed}: {count} certificates at {len(sockets)} desks in {span:.1f} s, {done} kills, {early} after the last one")
    sys.exit(0 if rc == [0] * len(desks) and early == 0 else f"desks ended with {rc}")


def tlv(data, at):
    n, head = data[at + 1], 2
    if n & 0x80:
        head = 2 + (n & 0x7F)
        n = int.from_bytes(data[at + 2 : at + head], "big")
    return at + head, at + head + n


def cert_parts(der):  # TBSCertificate and serial
    inner, _ = tlv(der, 0)
    start, end = tlv(der, inner)
    at = start
    if der[at] == 0xA0:
        at = tlv(der, at)[1]
    a, b = tlv(der, at)
    return der[inner:end], der[a:b].lstrip(b"\0").hex()


class Judge:
    def __init__(self):
        self.faults = []

    def want(self, ok, what):
        if not ok:
            self.faults.append(what)

    def read_log(self, home):
        self.certs, self.crls, self.intents, self.ends = {}, {}, 0, 0
        log = issuance.connect(home + "/ca/issuance.db")
        amount = issuance.Amount(self.faults.append)
        for row in issuance.read(log):
            amount.take(row)
            self.want(isinstance(row["peer"], int), f"row {row['n']} has no peer")
            self.row(row["n"], row)
        amount.compare(log)
        log.close()

    def row(self, n, e):
        what, s = e["what"], (e["serial"] or b"").hex()
        c = self.certs.get(s)
        if what == "intent":
            self.want(c is None, f"row {n}: serial {s} twice")
            self.certs[s] = {"state": "open", "tbs": e["data"], "client": e["text"] is not None, "gone": False}
            self.intents += 1
        elif what == "forbidden":
            self.want(c is None, f"row {n}: {s} is forbidden after its intent")
            self.certs[s] = {"state": "forbidden", "client": True, "gone": False}
        elif what in ("signed", "abandoned"):
            self.want(c is not None and c["state"] == "open", f"row {n}: {what} without an open intent")
            c["state"] = what
            c["gone"] = what == "abandoned"
            if what == "signed":
                c["der"] = e["data"]
                self.want(cert_parts(c["der"]) == (c["tbs"], s), f"row {n}: not what was intended")
                self.ends += 1
        elif what == "revoked":
            self.want(c is not None and c["state"] == "signed", f"row {n}: revoked, never signed")
            c["gone"] = True
        elif what == "crl-intent":
            self.want(e["number"] > self.crls.get(e["ca"], (0, None))[0], f"row {n}: CRL number")
            self.crls[e["ca"]] = (e["number"], None)
            self.intents += 1
        elif what == "crl-signed":
            self.want(self.crls[e["ca"]] == (e["number"], None), f"row {n}: CRL without its intent")
            self.crls[e["ca"]] = (e["number"], e["digest"].hex())
            self.ends += 1

    def desks(self, out):
        got, forbidden, revoked = {}, {}, set()
        for name in glob.glob(out + ".*"):
            for line in open(name):
                what, s, *der = line.split()
                if what == "got":
                    self.want(s not in got, f"serial {s} given twice")
                    got[s] = bytes.fromhex(der[0])
                elif what.startswith("forbidden"):
                    forbidden[s] = what == "forbidden-signed"
                elif what == "revoked":
                    revoked.add(s)
        for s, der in got.items():
            self.want(self.certs.get(s, {}).get("der") == der, f"{s} is not in the log as the desk has it")
        for s, signed in forbidden.items():
            self.want(self.certs[s]["gone"] if signed else "der" not in self.certs[s], f"{s} was forbidden and lives")
        for s in revoked:
            self.want(self.certs[s]["gone"], f"{s} was revoked and lives")
        return got, forbidden, revoked

    def crl(self, home):
        name = home + "/pub/issuing.crl"
        text = subprocess.run(["openssl", "crl", "-in", name, "-noout", "-text"], capture_output=True, text=True).stdout
        der = subprocess.run(["openssl", "crl", "-in", name, "-outform", "DER"], capture_output=True).stdout
        ok = subprocess.run(["openssl", "crl", "-in", name, "-noout", "-CAfile", home + "/pub/issuing.crt"], capture_output=True)
        self.want(ok.returncode == 0, "the CRL does not verify")
        on = {x.lower() for x in re.findall(r"Serial Number: ([0-9A-F]+)", text)}
        self.want(on == {s for s, c in self.certs.items() if c["gone"]}, "the CRL is not what the log says")
        self.want(hashlib.sha256(der).hexdigest() == self.crls["issuing"][1], "the CRL is not the log's last one")

    def verify(self, home, got):
        with tempfile.TemporaryDirectory() as d:
            names = []
            for s, der in got.items():
                names.append(f"{d}/{s}.der")
                open(names[-1], "w").write(ssl.DER_cert_to_PEM_cert(der))
            for i in range(0, len(names), 500):
                chain = ["openssl", "verify", "-x509_strict", "-CAfile", home + "/pub/root.crt", "-untrusted", home + "/pub/issuing.crt"]
                r = subprocess.run(chain + names[i : i + 500], capture_output=True, text=True)
                self.want(r.returncode == 0, "openssl verify: " + r.stderr[:500])


def judge(home, out, calls):
    j = Judge()
    j.read_log(home)
    got, forbidden, revoked = j.desks(out)
    j.crl(home)
    j.verify(home, got)
    state = [c["state"] for c in j.certs.values()]
    j.want("open" not in state, "an intent has no end")
    asked = open(calls).read().split("\n").count("C_Sign")
    j.want(j.ends <= asked <= j.intents, f"the HSM signed {asked} times, {j.intents} intents, {j.ends} in the log")
    print(f"# desks: {len(got)} certificates, {len(forbidden)} given up, {len(revoked)} revoked")
    print(f"# log: {state.count('signed')} signed, {state.count('abandoned')} abandoned, {state.count('forbidden')} forbidden,",
          f"{j.crls['issuing'][0]} CRLs; {j.intents} intents, the HSM was asked {asked} times, {j.ends} signatures are known")
    for f in j.faults[:20]:
        print("# FAULT:", f)
    sys.exit(1 if j.faults else 0)


if __name__ == "__main__":
    {"drive": drive, "judge": judge}[sys.argv[1]](*sys.argv[2:])
