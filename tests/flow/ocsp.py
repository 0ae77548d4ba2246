# SPDX-License-Identifier: BSD-2-Clause
"""What strangers may ask an OCSP responder. Writes requests and reads responses with a DER of its own.

  ocsp.py ids CERT.der                      name and key of the CA as the other modes want them
  ocsp.py crafted URL ID GOOD REVOKED RESERVED   each crafted request: "ok TEXT" or "not ok TEXT: why"
  ocsp.py fuzz URL ID GOOD N SEED           N random and mutated bodies, URLs and heads
  ocsp.py status URL ID SERIAL…             good, revoked or unknown, in one request
  ocsp.py request ID SERIAL [nonce]         a request on standard output
Serials are in hexadecimal, ID is what ids printed.
"""
import base64, hashlib, http.client, os, random, socket, sys, urllib.parse

OIDS = {'sha1': '2b0e03021a', 'sha256': '608648016503040201', 'sha512': '608648016503040203', 'md5': '2a864886f70d0205'}
NONCE, OTHER = bytes.fromhex('2b0601050507300102'), bytes.fromhex('2b0601050507300177')
REFUSALS = {1: 'malformed', 2: 'internal', 3: 'tryLater', 5: 'sigRequired', 6: 'unauthorized'}


def tlv(tag, *parts):
    body = b''.join(parts)
    n = len(body)
    if n < 128:
        return bytes([tag, n]) + body
    size = (n.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + n.to_bytes(size, 'big') + body


def read(data, at=0):
    """(tag, content, end)"""
    tag, n, at = data[at], data[at + 1], at + 2
    if n & 0x80:
        size = n & 0x7f
        n, at = int.from_bytes(data[at:at + size], 'big'), at + size
    assert at + n <= len(data), 'a length beyond the end'
    return tag, data[at:at + n], at + n


def items(data):
    at, out = 0, []
    while at < len(data):
        tag, body, at = read(data, at)
        out.append((tag, body))
    return out


class Id:
    def __init__(self, text):
        self.name, self.key = (bytes.fromhex(x) for x in text.split(':'))

    @staticmethod
    def of(cert):
        tbs = items(items(items(cert)[0][1])[0][1])
        tbs = tbs[1:] if tbs[0][0] == 0xa0 else tbs
        name, spki = tlv(0x30, tbs[4][1]), items(tbs[5][1])
        return f'{name.hex()}:{spki[1][1][1:].hex()}'

    def cert(self, serial, digest='sha1', key=None):
        h = lambda x: tlv(4, hashlib.new(digest, x).digest())
        number = serial if isinstance(serial, bytes) else bytes.fromhex(serial)
        return tlv(0x30, tlv(0x30, tlv(6, bytes.fromhex(OIDS[digest])), b'\5\0'), h(self.name), h(key or self.key), tlv(2, number))


def extension(oid, value, critical=False):
    return tlv(0x30, tlv(6, oid), b'\1\1\xff' if critical else b'', tlv(4, value))


def nonce(n):
    return extension(NONCE, tlv(4, os.urandom(n)))


def request(ids, extensions=(), before=b'', behind=b'', single=b''):
    more = tlv(0xa2, tlv(0x30, *extensions)) if extensions else b''
    return tlv(0x30, tlv(0x30, before, tlv(0x30, *[tlv(0x30, i, single) for i in ids]), more), behind)


class Answer:
    def __init__(self, der):
        tag, body, end = read(der)
        assert tag == 0x30 and end == len(der), 'not one SEQUENCE'
        parts = items(body)
        status = parts[0][1][0]
        assert parts[0][0] == 0x0a and (status == 0) == (len(parts) == 2), 'no OCSP status'
        self.der, self.refusal, self.states, self.nonce = der, REFUSALS.get(status), [], None
        if status != 0:
            assert self.refusal, f'status {status}'
            return
        oid, octets = items(items(parts[1][1])[0][1])
        assert oid[1].hex() == '2b0601050507300101' and octets[0] == 4, 'not a basic response'
        tbs = items(items(items(octets[1])[0][1])[0][1])
        assert [t for t, _ in tbs[:3]] == [0xa2, 0x18, 0x30], 'no responder by key, time, responses'
        for _, single in items(tbs[2][1]):
            got = items(single)
            self.states.append({0x80: 'good', 0xa1: 'revoked', 0x82: 'unknown'}[got[1][0]])
            self.last, self.reason = got, None
            assert got[2][0] == 0x18 and got[3][0] == 0xa0, 'no thisUpdate, nextUpdate'
            if got[1][0] == 0xa1:
                when = items(got[1][1])
                self.when = when[0][1].decode()
                self.reason = items(when[1][1])[0][1][0] if len(when) > 1 else None
        for _, e in items(items(tbs[3][1])[0][1]) if len(tbs) > 3 else []:
            if items(e)[0][1] == NONCE:
                self.nonce = items(e)[-1][1]


class Wire:
    def __init__(self, url):
        u = urllib.parse.urlparse(url)
        self.at, self.http = (u.hostname, u.port), None

    def ask(self, method, path='/', body=None, headers={}):
        """(HTTP status, headers, body); over one connection as long as the server keeps it"""
        for again in (True, False):
            if self.http is None:
                self.http = http.client.HTTPConnection(*self.at, timeout=20)
            try:
                self.http.request(method, path, body, headers)
                r = self.http.getresponse()
                data = r.read()
                if r.will_close:
                    self.close()
                return r.status, r.headers, data
            except (ConnectionError, http.client.RemoteDisconnected):
                self.close()
                if not again:
                    raise

    def close(self):
        self.http.close()
        self.http = None

    def post(self, der):
        status, _, data = self.ask('POST', '/', der, {'Content-Type': 'application/ocsp-request'})
        return judge(status, data)

    def raw(self, data, patience=20):
        """What comes back until the server closes, or waits for more longer than we do"""
        got = b''
        with socket.create_connection(self.at, timeout=patience) as s:
            try:
                s.sendall(data)
                while more := s.recv(65536):
                    got += more
            except (ConnectionError, TimeoutError):
                pass
        return got


def judge(status, data):
    """A valid response, or a refusal by HTTP; anything else raises"""
    if status == 200:
        return Answer(data)
    assert 400 <= status < 500, f'HTTP {status}'
    return status


def escaped(der):
    return '/' + urllib.parse.quote(base64.b64encode(der).decode(), safe='')


def with_slash_and_plus(make):
    while True:
        text = base64.b64encode(der := make()).decode()
        if '/' in text and '+' in text and '=' in text:
            return der, text


def crafted(url, ca, good, revoked, reserved):
    w, other, fresh = Wire(url), os.urandom(32), '41' + os.urandom(15).hex()
    one = lambda *a, **k: request([ca.cert(good)], *a, **k)
    foreign = ca.cert(good, 'sha256', other)
    results = []

    def case(text, ask, want):
        try:
            got = ask()
            shown = got.refusal or ' '.join(got.states) if isinstance(got, Answer) else got if isinstance(got, int) else got[0]
            ok = want(got) if callable(want) else shown == want
            print('ok' if ok else 'not ok', f'{text}: {shown if len(str(shown)) < 60 else str(shown)[:60] + "…"}')
        except Exception as e:
            print('not ok', f'{text}: {e!r}')

    def post(text, der, want):
        case(text, lambda: w.post(der), want)

    def get(text, path, want):
        case(text, lambda: judge(*w.ask('GET', path)[::2]), want)

    def repeats(n):
        ext = nonce(n)
        post(f'a nonce of {n} octets is repeated', one([ext]), lambda a: a.nonce == items(items(ext)[0][1])[-1][1])

    def head(text, method, want, **more):
        case(text, lambda: judge(*w.ask(method, '/', **more)[::2]), want)

    for digest in 'sha1', 'sha256', 'sha512':
        post(f'CertID with {digest}', request([ca.cert(good, digest)]), 'good')
    post('a revoked one', request([ca.cert(revoked)]), lambda a: a.states == ['revoked'] and a.reason == 4)
    post('never issued', request([ca.cert(fresh)]), 'unknown')
    post('reserved', request([ca.cert(reserved)]), 'unknown')
    post('of another CA', request([foreign]), 'unauthorized')
    post('the CA by name, with another key', request([ca.cert(good, 'sha1', other)]), 'unauthorized')
    post('a digest that nobody uses', request([ca.cert(good, 'md5')]), 'unauthorized')
    post('ours and another CA\'s', request([ca.cert(good), foreign]), 'good unknown')
    post('several, in their order', request([ca.cert(x) for x in (revoked, fresh, good, revoked)]), 'revoked unknown good revoked')
    post('64 at once', request([ca.cert(good)] * 64), lambda a: a.states == ['good'] * 64)
    post('65 at once', request([ca.cert(good)] * 65), 'malformed')
    post('none', request([]), 'malformed')
    for number, what in (b'\0', 'zero'), (b'\xff', 'a negative one'), (b'\x41' * 21, '21 octets'), (bytes.fromhex(good[2:]), 'one octet less'):
        post(f'serial: {what}', request([ca.cert(number)]), 'unknown')
    post('serial: a needless zero in front', request([ca.cert(b'\0' + bytes.fromhex(good))]), 'malformed')
    for n in 1, 16, 32, 128:
        repeats(n)
    post('no nonce, none in the response', one(), lambda a: a.states == ['good'] and a.nonce is None)
    post('a nonce of 0 octets', one([nonce(0)]), 'malformed')
    post('a nonce of 129 octets', one([nonce(129)]), 'malformed')
    post('a nonce of 200 octets', one([nonce(200)]), 'malformed')
    post('a nonce that is no OCTET STRING', one([extension(NONCE, os.urandom(16))]), lambda a: a.refusal == 'malformed')
    post('two nonces', one([nonce(16), nonce(16)]), 'malformed')
    post('an extension that nobody knows', one([extension(OTHER, b'\5\0')]), 'good')
    post('the same, critical', one([extension(OTHER, b'\5\0', True)]), 'malformed')
    post('critical for one certificate', one(single=tlv(0xa0, tlv(0x30, extension(OTHER, b'\5\0', True)))), 'malformed')
    post('a requestor\'s name', one(before=tlv(0xa1, tlv(0x82, b'example.org'))), 'good')
    signature = tlv(0xa0, tlv(0x30, tlv(0x30, tlv(6, bytes.fromhex('2a8648ce3d040302'))), tlv(3, b'\0', os.urandom(70))))
    post('a signature, which nobody needs', one(behind=signature), 'good')
    post('a byte too many', one() + b'\0', 'malformed')
    post('a byte too few', one()[:-1], 'malformed')
    post('an empty body', b'', 'malformed')
    post('nested 4000 deep', b'\x30\x80' * 4000, 'malformed')
    head('64 kB', 'POST', 413, body=b'\x30' * 65536)
    case('64 kB in chunks', lambda: int(w.raw(b'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n' +
        (b'1000\r\n' + b'\x30' * 4096 + b'\r\n') * 16 + b'0\r\n\r\n', 2).split()[1]), 413)
    head('PUT', 'PUT', 405, body=one())
    head('HEAD', 'HEAD', 405)
    der, text = with_slash_and_plus(lambda: one([nonce(random.randrange(8, 33))]))
    get('GET', escaped(one()), 'good')
    get('GET, nothing escaped', '/' + text, 'good')
    get('GET, all of it escaped', '/' + ''.join(f'%{b:02x}' for b in text.encode()), 'good')
    get('GET without padding', '/' + text.rstrip('='), 'good')
    get('GET with a second slash', '/' + escaped(one()), 'good')
    get('GET of nothing', '/', 400)
    get('GET with %00', '/MEUw%00', 400)
    get('GET with half an escape', '/MEU%4', 400)
    get('GET of text', '/favicon.ico', 400)
    get('GET of base64 that is no request', '/AAAA', 'malformed')
    get('GET with 60 kB', '/' + 'A' * 61440, lambda a: a in (400, 414, 431) or getattr(a, 'refusal', '') == 'malformed')
    case('GET says how long it may be kept', lambda: w.ask('GET', escaped(one())), lambda r: r[1]['Cache-Control'].startswith('max-age=') and
        r[1]['ETag'] and r[1]['Expires'] and r[1]['Last-Modified'] and r[1]['Content-Type'] == 'application/ocsp-response')
    case('with a nonce it may not', lambda: w.ask('GET', escaped(one([nonce(32)]))), lambda r: r[1]['Cache-Control'] == 'no-store')


def mutate(rnd, der):
    data = bytearray(der)
    for _ in range(rnd.choice((1, 1, 2, 4, 16))):
        at = rnd.randrange(len(data)) if data else 0
        match rnd.randrange(6) if data else 5:
            case 0: data[at] ^= 1 << rnd.randrange(8)
            case 1: data[at] = rnd.choice((0, 0x7f, 0x80, 0x81, 0x84, 0xff))
            case 2: del data[at:at + rnd.randrange(1, 9)]
            case 3: data[at:at] = rnd.randbytes(rnd.randrange(1, 9))
            case 4: data[at:at] = data[rnd.randrange(len(data)):][:rnd.randrange(1, 65)]
            case 5: data += rnd.randbytes(3)
    return bytes(data)


def fuzz(url, ca, good, n, seed):
    rnd, w, counts = random.Random(seed), Wire(url), {}
    seeds = [request([ca.cert(good)]), request([ca.cert(good), ca.cert('41' * 16, 'sha256')], [nonce(32)]),
        request([ca.cert(good)], [nonce(16), extension(OTHER, b'\5\0')], tlv(0xa1, tlv(0x82, b'example.org')))]
    for i in range(n):
        kind = rnd.randrange(20)
        der = rnd.randbytes(rnd.choice((0, 1, 3, 20, 100, 1000))) if kind < 4 else mutate(rnd, rnd.choice(seeds))
        if kind == 19:  # the head of a request, too
            head = mutate(rnd, b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n' % len(der))
            got = w.raw(head + der, 0.02)
            assert got == b'' or got.startswith(b'HTTP/1.'), got[:80]
            what = 'head: ' + (got.split()[1].decode() if got else 'nothing')
        else:
            got = judge(*w.ask('GET', escaped(der))[::2]) if kind > 15 else w.post(der)
            what = str(got) if isinstance(got, int) else got.refusal or 'answered'
            assert what not in ('internal', 'tryLater'), f'{what}: {der.hex()}'
        counts[what] = counts.get(what, 0) + 1
    assert w.post(seeds[0]).states == ['good']
    print(n, 'requests:', ', '.join(f'{v} {k}' for k, v in sorted(counts.items(), key=lambda x: -x[1])))


def main():
    mode, *args = sys.argv[1:]
    if mode == 'ids':
        print(Id.of(open(args[0], 'rb').read()))
    elif mode == 'request':
        sys.stdout.buffer.write(request([Id(args[0]).cert(args[1])], [nonce(32)] if args[2:] else []))
    elif mode == 'status':
        a = Wire(args[0]).post(request([Id(args[1]).cert(s) for s in args[2:]]))
        print(a if isinstance(a, int) else a.refusal or ' '.join(a.states))
    elif mode == 'crafted':
        crafted(args[0], Id(args[1]), *args[2:])
    elif mode == 'fuzz':
        fuzz(args[0], Id(args[1]), args[2], int(args[3]), int(args[4]))


main()
