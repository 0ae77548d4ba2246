#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""import.py DIR N SEED: N mutants of a CA of openssl ca, imported.

Each loses or bends lines, years, serials, encodings, certificates, the CRL. It is refused, and then nothing is made; or
our CRL lists whom the old CRL lists and whom a line calls revoked, and each later `revoke`, by serial or by file, is seen
by openssl verify -crl_check. Nothing here is shared with the programs: openssl(1) judges. TAP.
"""
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace

CNF = """[ca]
default_ca = c
[c]
dir = {m}
database = {m}/index.txt
new_certs_dir = {m}/newcerts
serial = {m}/serial
crlnumber = {m}/crlnumber
certificate = {m}/cacert.pem
private_key = {m}/private/cakey.pem
default_md = sha256
default_days = 365
default_crl_days = 7
policy = p
unique_subject = no
[p]
commonName = supplied
[req]
distinguished_name = d
[d]
"""
SERIALS = ["{:02X}".format(n) for n in range(1, 0x19)]
REVOKED = {"02", "09", "0B", "10", "12", "17"}
LATE = {"17"}  # revoked after the CRL that `old_crl` leaves


@dataclass
class Line:
    status: str
    end: str
    revoked: str
    serial: str
    file: str
    subject: str
    true: str  # whose it is, whatever its serial says now

    def text(self):
        return "\t".join((self.status, self.end, self.revoked, self.serial, self.file, self.subject))


def run(*args, data=None):
    p = subprocess.run(args, stdin=subprocess.PIPE if data is not None else subprocess.DEVNULL, input=data, capture_output=True, check=False)
    return p.returncode, (p.stdout + p.stderr).decode(errors="replace")


def must(*args):
    rc, out = run(*args)
    if rc != 0:
        sys.exit(f"Bail out! {args}: {out}")
    return out


def make_model(top):
    m = top / "model"
    for d in ("private", "newcerts"):
        (m / d).mkdir(parents=True)
    (top / "cnf").write_text(CNF.format(m=m))
    (m / "index.txt").write_text("")
    (m / "serial").write_text("01\n")
    (m / "crlnumber").write_text("0A\n")
    for name, text in (("pass", "correct horse battery"), ("rpass", "recovery passphrase")):
        (top / name).write_text(text + "\n")
    must("openssl", "req", "-config", top / "cnf", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
         m / "private/cakey.pem", "-subj", "/O=Old/CN=Old CA", "-days", "30000", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-addext",
         "basicConstraints=critical,CA:TRUE", "-out", m / "cacert.pem")
    must("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", top / "leaf.key")
    ca = ("openssl", "ca", "-batch", "-config", top / "cnf")
    for i, s in enumerate(SERIALS):
        ends = ("-enddate", "20600101000000Z") if i % 3 == 0 else ("-days", str(300 + 400 * (i % 4)))
        must("openssl", "req", "-config", top / "cnf", "-new", "-key", top / "leaf.key", "-subj", f"/CN=holder {s}", "-out", top / "csr")
        must(*ca, "-in", top / "csr", "-out", top / "crt", "-notext", *ends)
    for revoked in (REVOKED - LATE, LATE):
        for s in sorted(revoked):
            must("openssl", "ca", "-config", top / "cnf", "-revoke", m / f"newcerts/{s}.pem", "-crl_reason", "superseded")
        must("openssl", "ca", "-config", top / "cnf", "-gencrl", "-out", top / ("crl.old" if revoked is not LATE else "crl.new"))
    shutil.copy(top / "crl.new", m / "crl.pem")


class Mutant:
    def __init__(self, top, i, rng):
        self.top, self.i, self.rng = top, i, rng
        self.dir, self.home = top / f"old{i}", top / f"home{i}"
        shutil.copytree(top / "model", self.dir)
        rows = (self.dir / "index.txt").read_text().splitlines()
        self.lines = [Line(*r.split("\t"), r.split("\t")[3]) for r in rows]
        self.encode = lambda text: text.encode()
        self.add_missing = rng.random() < 0.3
        self.certs = set(SERIALS)  # whose file is there under its name

    def line(self, status=None):
        return self.rng.choice([l for l in self.lines if status in (None, l.status)] or self.lines)

    def some(self):
        return self.rng.sample(self.lines, min(len(self.lines), self.rng.randint(1, 8)))

    # ---- what may happen ----
    def xca_years(self):
        for l in self.lines:
            l.end = l.end[2:] if len(l.end) == 15 else l.end

    def any_years(self):
        for l in self.some():
            l.end = f"{self.rng.randint(0, 99):02d}" + l.end[-11:] if self.rng.random() < 0.5 else str(self.rng.randint(1950, 2100)) + l.end[-11:]

    def revocation_years(self):
        l = self.line("R")
        l.revoked = f"{self.rng.randint(0, 99):02d}" + l.revoked[2:]

    def decimal(self):
        for l in self.lines:
            l.serial = f"{int(l.true, 16):02d}"

    def decimal_some(self):
        for l in self.some():
            l.serial = f"{int(l.true, 16):02d}"

    def spelt(self):
        for l in self.some():
            l.serial = self.rng.choice((l.serial.lower(), "00" + l.serial, l.serial.lstrip("0"), "0x" + l.serial, l.serial + "h", " " + l.serial))

    def bent(self):
        l = self.line()
        at = self.rng.randrange(len(l.serial))
        l.serial = l.serial[:at] + self.rng.choice("0123456789ABCDEF") + l.serial[at + 1:]

    def lost(self):
        for l in self.some():
            self.lines.remove(l)

    def lost_revoked(self):
        self.lines.remove(self.line("R"))

    def twice(self):
        l = replace(self.line("R"))
        if self.rng.random() < 0.7:
            l.status, l.revoked = "V", ""
        self.lines.insert(self.rng.randrange(len(self.lines)), l)

    def unrevoked(self):
        l = self.line("R")
        l.status, l.revoked = self.rng.choice("VE"), ""

    def expired(self):
        for l in self.some():
            l.status = "E" if l.status == "V" else l.status

    def half(self):
        cut = self.rng.randint(1, 60)
        self.encode = lambda text: text[:-cut].encode()

    def mark(self):
        self.encode = lambda text: b"\xef\xbb\xbf" + text.encode()

    def utf16(self):
        self.encode = lambda text: text.encode("utf-16")

    def crlf(self):
        self.encode = lambda text: text.replace("\n", "\r\n").encode()

    def macintosh(self):
        self.encode = lambda text: text.replace("\n", "\r").encode()

    def blanks(self):
        self.encode = lambda text: text.replace("\t", "    ").encode()

    def latin(self):
        for l in self.some():
            l.subject = "/CN=J\u00fcrgen"
        self.encode = lambda text: text.encode("latin-1")

    def comments(self):
        self.encode = lambda text: ("# by hand\n\n" + text.replace("\n", "\n\n", 3)).encode()

    def order(self):
        self.rng.shuffle(self.lines)

    def no_certs(self):
        shutil.rmtree(self.dir / "newcerts")
        self.certs = set()

    def few_certs(self):
        for s in self.rng.sample(SERIALS, 8):
            (self.dir / f"newcerts/{s}.pem").unlink(missing_ok=True)
            self.certs.discard(s)

    def swapped_certs(self):
        a, b = (self.dir / f"newcerts/{s}.pem" for s in self.rng.sample(SERIALS, 2))
        if a.exists() and b.exists():
            a.rename(self.dir / "x"), b.rename(a), (self.dir / "x").rename(b)

    def renamed_cert(self):
        a = self.dir / f"newcerts/{self.rng.choice(SERIALS)}.pem"
        if a.exists():
            a.rename(a.with_name("zz.pem"))

    def broken_cert(self):
        a = self.dir / f"newcerts/{self.rng.choice(SERIALS)}.pem"
        if a.exists():
            a.write_bytes(a.read_bytes()[:200])

    def no_crl(self):
        (self.dir / "crl.pem").unlink(missing_ok=True)

    def old_crl(self):
        shutil.copy(self.top / "crl.old", self.dir / "crl.pem")

    def broken_crl(self):
        if (self.dir / "crl.pem").exists():
            text = bytearray((self.dir / "crl.pem").read_bytes())
            text[self.rng.randrange(60, len(text) - 60)] ^= 1
            (self.dir / "crl.pem").write_bytes(text)

    def old_number(self):
        (self.dir / "crlnumber").write_text(self.rng.choice(("01\n", "", "x\n", "12", "\ufeff0C\n")))

    # ---- what must be true then ----
    def listed(self, crl):
        rc, out = run("openssl", "crl", "-in", crl, "-noout", "-text")
        return {s[-2:] if len(s) > 2 and not s[:-2].strip("0") else s for s in re.findall(r"Serial Number: ([0-9A-F]+)", out)} if rc == 0 else set()

    def required(self):
        """Whom the old CRL lists; whom a line calls revoked, as it spells it and, with the certificates there, as it means it."""
        want = self.listed(self.dir / "crl.pem")
        for l in self.lines:
            if l.status == "R" and re.fullmatch("[0-9A-Fa-f]{1,4}", l.serial):
                want.add("{:02X}".format(int(l.serial, 16)))
            if l.status == "R" and l.true in self.certs and self.all_certs:
                want.add(l.true)
        return want

    def judge(self, serial):
        pub = self.home / "pub"
        return "certificate revoked" in run("openssl", "verify", "-crl_check", "-CAfile", pub / "chain.pem", "-CRLfile", pub / "issuing.crl",
                                            self.top / f"model/newcerts/{serial}.pem")[1]

    def revoke(self, what):
        return run("ykenroll", "revoke", "--home", self.home, what, "--reason", "keyCompromise", "--ca-pass", f"file:{self.top}/pass")

    def later(self, listed):
        n = 0
        for s in self.rng.sample([s for s in SERIALS if s not in listed], 3):
            rc, out = self.revoke(s)
            if rc != 0 and ("no holder" in out or "expired" in out):
                rc, out = self.revoke(self.top / f"model/newcerts/{s}.pem")
            if rc != 0:
                return n, f"revoke {s}: exit {rc}: {out}"
            if not self.judge(s):
                return n, f"revoke {s} says revoked, and openssl verify takes it: {out}"
            n += 1
        rest = [s for s in sorted(listed) if s in SERIALS and not self.judge(s)]
        return n, f"lost after a revocation: {rest}" if rest else None

    def go(self, kinds):
        for k in kinds:
            getattr(self, k)()
        self.all_certs = not {"swapped_certs", "renamed_cert", "broken_cert", "few_certs", "no_certs"} & set(kinds)
        (self.dir / "index.txt").write_bytes(self.encode("".join(l.text() + "\n" for l in self.lines)))
        want = self.required() if self.encode("R\n") in (b"R\n", b"R\r\n") or "comments" in kinds else self.listed(self.dir / "crl.pem")
        rc, out = run("ykenroll", "ca", "import", "--home", self.home, self.dir, "--ca-pass", f"file:{self.top}/pass", "--recovery-pass",
                      f"file:{self.top}/rpass", "--recovery-out", self.top / f"rec{self.i}", *(["--add-missing"] if self.add_missing else []))
        if rc == 2:
            return ("refused", 0, 0, None if not self.home.exists() else "refused, and a home was made: " + out, out)
        if rc != 0:
            return ("failed", 0, 0, f"exit {rc}: {out}", out)
        have = self.listed(self.home / "pub/issuing.crl")
        if want - have:
            return ("taken", 0, 0, f"lost: {sorted(want - have)}; {out}", out)
        n, why = self.later(have)
        return ("taken", len(want), n, why, out)


KINDS = [k for k, v in vars(Mutant).items() if callable(v) and k not in
         ("__init__", "line", "some", "listed", "required", "judge", "revoke", "later", "go")]


def main():
    top, n, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    make_model(top)

    def one(i):
        rng = random.Random(seed * 1000003 + i)
        first = KINDS[(i * 7) % len(KINDS)]
        kinds = [first] + rng.sample([k for k in KINDS if k != first], rng.choice((0, 0, 0, 1, 2)))
        kinds.sort(key=lambda k: k in ("half", "mark", "utf16", "crlf", "macintosh", "blanks", "comments"))
        m = Mutant(top, i, rng)
        return (" + ".join(kinds) + (", --add-missing" if m.add_missing else ""), *m.go(kinds))

    sums = {"refused": 0, "taken": 0, "failed": 0}
    entries = revokes = bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for i, (what, how, listed, n_revoked, why, out) in enumerate(pool.map(one, range(n))):
            sums[how] += 1
            entries += listed
            revokes += n_revoked
            bad += why is not None
            print(f"{'ok' if why is None else 'not ok'} {i + 1} - {what}: {how}")
            for l in (why or (out if how == "refused" else "")).splitlines():
                print("#", l)
    taken = sums["taken"] > 0 and revokes == 3 * sums["taken"]
    print(f"{'ok' if taken else 'not ok'} {n + 1} - some are taken, and of each three more are revoked")
    print(f"# seed {seed}: {n} mutants, {sums['refused']} refused, {sums['taken']} taken over; {entries} revocations of the old CA found again, "
          f"{revokes} new ones seen by openssl verify, {bad} lost")
    print(f"1..{n + 1}")
    return 1 if bad or not taken else 0


sys.exit(main())
