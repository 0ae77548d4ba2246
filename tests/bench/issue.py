# SPDX-License-Identifier: BSD-2-Clause
# issue.py SOCKET MESSAGE.H CSR N: N certificates over the signer's socket, prepared and signed as a desk does it. Prints
# how many a second.
import re, socket, struct, sys, time

path, header, csr, n = sys.argv[1], open(sys.argv[2]).read(), open(sys.argv[3], 'rb').read(), int(sys.argv[4])


def enum(name):
    body = re.search(r'enum %s \{(.*?)\n\};' % name, header, re.S).group(1)
    at, values = -1, {}
    for word in re.sub(r'/\*.*?\*/', '', body, flags=re.S).split(','):
        m = re.match(r'\s*(\w+)(?:\s*=\s*(\d+))?\s*$', word)
        if m:
            at = int(m.group(2)) if m.group(2) else at + 1
            values[m.group(1)] = at
    return values


TYPE, TAG = enum('message_type'), enum('message_tag')
# those of a request have tags of their own, from the table in src/x509/request.c
TAG.update({'TAG_PROFILE': 65, 'TAG_CN': 66, 'TAG_DAYS': 72, 'TAG_CSR': 81} if 'TAG_CN' not in TAG else {})
s = socket.socket(socket.AF_UNIX)
s.connect(path)
f = s.makefile('rb')


def hear():
    body = f.read(struct.unpack('>I', f.read(4))[0])
    at, fields = 1, {}
    while at < len(body):
        tag, size = struct.unpack_from('>BI', body, at)
        fields[tag] = body[at + 5:at + 5 + size]
        at += 5 + size
    if body[0] == TYPE['MESSAGE_ERROR']:
        sys.exit(fields[TAG['TAG_TEXT']].decode())
    return fields


def ask(what, **fields):
    body = bytes([TYPE[what]])
    for tag, value in sorted((TAG['TAG_' + k], v) for k, v in fields.items()):
        body += struct.pack('>BI', tag, len(value)) + value
    s.sendall(struct.pack('>I', len(body)) + body)
    return hear()


hear()
t = time.monotonic()
for i in range(n):
    p = ask('MESSAGE_SOFTWARE', PROFILE=b'software', CN=b'bench %d' % i, DAYS=struct.pack('>q', 1), CSR=csr)
    cert = ask('MESSAGE_SIGN', SERIAL=p[TAG['TAG_SERIAL']])[TAG['TAG_CERT']]
    assert cert[0] == 0x30 and p[TAG['TAG_SERIAL']] in cert
print(f'{n / (time.monotonic() - t):.1f}')
