# SPDX-License-Identifier: BSD-2-Clause
# fill.py N LOG INDEX revoked|valid [REGISTRY]: a past for a CA: N certificates in its issuance log, in an index.txt of
# openssl ca, and in the registry. Revoked: every third for key compromise, every third superseded, every third without a
# reason. The lines carry no certificates: what is measured does not read them.
import datetime, hashlib, json, secrets, sqlite3, sys

n, log, index, how = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
with open(log, 'rb') as f:
    last = f.read().splitlines()[-1]
prev, lines = hashlib.sha256(last).hexdigest(), json.loads(last)['n']
now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0, tzinfo=None)
end = now + datetime.timedelta(days=700)
time, log_end = now.isoformat() + 'Z', end.isoformat() + 'Z'
index_time, index_end = now.strftime('%y%m%d%H%M%SZ'), end.strftime('%y%m%d%H%M%SZ')
reasons = (1, ',keyCompromise'), (4, ',superseded'), (0, '')
serials = []
with open(log, 'a') as to, open(index, 'w') as ix:
    def put(rest):
        global prev, lines
        lines += 1
        line = f'{{"n":{lines},"time":"{time}","peer":0,{rest},"prev":"{prev}"}}'
        prev = hashlib.sha256(line.encode()).hexdigest()
        to.write(line + '\n')
    for i in range(n):
        raw = bytearray(secrets.token_bytes(16))
        raw[0] = 0x40 | raw[0] & 0x3f
        serial, (reason, word) = raw.hex(), reasons[i % 3]
        put(f'"what":"intent","ca":"issuing","serial":"{serial}","not_after":"{log_end}","sha256":"","tbs":""')
        put(f'"what":"signed","serial":"{serial}","cert":"AAAA"')
        if how == 'revoked':
            put(f'"what":"revoked","serial":"{serial}","reason":{reason}')
            ix.write(f'R\t{index_end}\t{index_time}{word}\t{serial.upper()}\tunknown\t/CN=x\n')
        else:
            ix.write(f'V\t{index_end}\t\t{serial.upper()}\tunknown\t/CN=x{i}\n')
        if len(sys.argv) > 5:
            serials.append(bytes(raw))
    # one more, which is not revoked: of another CA's records, so that nobody asks for the certificate
    put(f'"what":"import","ca":"issuing","serial":"2a2a2a2a2a2a2a","not_after":"{log_end}","subject":"/CN=last"')
if len(sys.argv) > 5:
    db = sqlite3.connect(sys.argv[5])
    t = int(now.timestamp())
    db.executemany("INSERT INTO software (serial, profile, subject, der, not_before, not_after, issued) VALUES (?, 'software', 'CN=x', "
                   f"zeroblob(700), {t}, {t + 86400}, {t})", ((s,) for s in serials))
    db.commit()
