# SPDX-License-Identifier: BSD-2-Clause
"""Starts each server of states_table.py, tries by itself who gets in, asks verify-server, and compares: TAP.

states.py S N [NAME…]: S is the directory that states.sh has filled, N how many tests there were. QUICK=N takes every 4Nth.
"""
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import states_table
from states_conf import BACKEND

S = sys.argv[1]
SPEAKS = {'imaps': b'* OK', 'pop3s': b'+OK', 'smtps': b'220 ', 'ldaps': b'\x30', 'tls': b''}
BY_PORT = {993: 'imaps', 995: 'pop3s', 465: 'smtps', 636: 'ldaps'}
LDAP_SEARCH = bytes.fromhex('30250201016320040 00a01000a0100020100020100010100870b6f626a656374436c6173733000'.replace(' ', ''))


class Application(BaseHTTPRequestHandler):
    """Behind the servers: a page, one that shows the request's headers, one with an early hint."""
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        body = 'Welcome\n'
        if self.path.startswith('/echo'):
            body = json.dumps({'headers': self.headers.items()}) + '\n'
        if self.path.startswith('/slow'):
            time.sleep(3)
        if self.path.startswith('/early'):
            self.wfile.write(b'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n')
        self.send_response(200)
        self.send_header('Content-Type', 'text/plain')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass


class Behind(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):  # servers hang up as they like
        pass


# ---- servers ----

class Server:
    """One of a state's processes, with its files in a directory of its own."""

    def __init__(self, what, state, place, port):
        self.what, self.place, self.port = what, place, port + 10000 if what.get('second') else port
        self.words = {'@P@': str(port), '@Q@': str(port + 10000), '@D@': state, '@S@': S, '@R@': place, '@C@': f'{S}/server.pem', '@K@': f'{S}/server.pem.key'}
        os.makedirs(place, exist_ok=True)
        if 'printed' in what:
            self.words['@PRINTED@'] = subprocess.check_output(shlex.split(self.fill(what['printed'])), text=True)
        for name, text in what['files'].items():
            os.makedirs(os.path.dirname(f'{place}/{name}'), exist_ok=True)
            with open(f'{place}/{name}', 'w') as f:
                f.write(self.fill(text))
        if what.get('both'):
            with open(f'{place}/both', 'wb') as f:
                for name in ('ca-bundle.pem', 'crl-bundle.pem'):
                    f.write(open(f'{state}/{name}', 'rb').read())

    def fill(self, text):
        for word in ('@PRINTED@', '@D@', '@P@', '@Q@', '@S@', '@R@', '@C@', '@K@'):
            text = text.replace(word, self.words.get(word, word))
        return text

    def start(self):
        self.out = open(f'{self.place}/log', 'ab')
        self.process = subprocess.Popen(shlex.split(self.fill(self.what['run'])), stdin=subprocess.DEVNULL, stdout=self.out,
                                        stderr=self.out, start_new_session=True)
        return self.listens()

    def listens(self):
        end = time.time() + 10
        while time.time() < end and self.process.poll() is None:
            with open('/proc/net/tcp') as four, open('/proc/net/tcp6') as six:
                if re.search(r':%04X [0-9A-F:]+ 0A ' % self.port, four.read() + six.read()):
                    return True
            time.sleep(0.02)
        return False

    def said(self):
        with open(f'{self.place}/log', errors='replace') as f:
            return f.read()

    def reload(self):
        how = self.what['reload']
        if how == 'restart':
            self.stop()
            return self.start()
        was = self.said().count(self.what.get('says', '\0'))
        if ' ' in how:
            return subprocess.run(shlex.split(self.fill(how)), stdout=self.out, stderr=self.out).returncode == 0
        self.process.send_signal(getattr(signal, 'SIG' + how))
        end = time.time() + 10
        while 'says' in self.what and self.said().count(self.what['says']) == was and time.time() < end:
            time.sleep(0.05)
        time.sleep(0.4)
        return self.process.poll() is None

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.out.close()


# ---- who gets in, by Python's own TLS ----

def client(version, who):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.load_verify_locations(f'{S}/web-ca.crt')
    c.minimum_version = c.maximum_version = version
    c.post_handshake_auth = version == ssl.TLSVersion.TLSv1_3
    if who:
        c.load_cert_chain(f'{S}/{who}.pem', f'{S}/{who}.crt.key')
    return c


def ask(c, state, port, name='web.test', session=None, address='127.0.0.1', host=None, first='Welcome'):
    """Is she in, and her session."""
    scheme = BY_PORT.get(port) or state.url.partition(':')[0]
    speaks = SPEAKS.get(scheme)
    if name is None:
        c.check_hostname = False
    try:
        with socket.create_connection((address, port), timeout=6) as raw, c.wrap_socket(raw, server_hostname=name, session=session) as s:
            if speaks is None:
                s.sendall(f'GET / HTTP/1.1\r\nHost: {host or name}:{port}\r\nConnection: close\r\n\r\n'.encode())
            elif scheme == 'ldaps':
                s.sendall(LDAP_SEARCH)
            elif scheme == 'tls':
                s.settimeout(0.3)
            got = b''
            try:
                while data := s.recv(65536):
                    got += data
                    if speaks is not None and got.startswith(speaks):
                        break
            except TimeoutError:
                return scheme == 'tls', s.session
            if speaks is None:
                return b' 200 ' in got and first.encode() in got, s.session
            return got.startswith(speaks) and (scheme != 'tls' or got != b''), s.session
    except (OSError, ValueError):
        return False, None


PEOPLE = [('L', 'alice-chain'), ('l', 'alice'), ('n', None), ('o', 'mallory'), ('o', 'mallory-chain'), ('f', 'frank'), ('g', 'bob'), ('G', 'carl'),
          ('e', 'eve'), ('d', 'old')]


def who_gets_in(state, port, versions):
    who = ''
    for v in versions:
        for letter, name in PEOPLE:
            if letter not in who and ask(client(v, name), state, port, state.host)[0]:
                who += letter
        if not state.url.startswith('https') or 'n' in who:
            continue
        c = client(v, 'alice')
        session = ask(c, state, port, state.host)[1]
        if 'l' in who and session and not ask(c, state, port, state.host, session)[0]:
            who += 't'
        if ask(client(v, None), state, port, 'public.test', host='web.test')[0]:
            who += 'h'
        if ask(client(v, None), state, port, None, host='web.test')[0]:
            who += 'x'
        c = client(v, None)
        session = ask(c, state, port, 'public.test', first='')[1]
        if session and ask(c, state, port, session=session)[0]:
            who += 's'
        if state.host == 'two.test' and ask(client(v, None), state, port, state.host, address='127.0.0.2')[0]:
            who += '2'
    return who


# ---- a state ----

def run(*args, **how):
    return subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True, **how)


def must(*args):
    r = run(*args)
    if r.returncode:
        raise RuntimeError(f'{" ".join(args)}: {r.stderr}')


CA_PASS = ['--ca-pass', f'file:{os.environ["T"]}/pass']
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def person(name):
    """A new holder of a key in a file."""
    must('openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', f'{S}/{name}.crt.key', '-subj', '/CN=x',
         '-out', f'{S}/{name}.csr')
    must('ykenroll', 'ca', 'issue', f'{S}/{name}.csr', '--profile', 'software', '--cn', name, '--out', f'{S}/{name}.crt', *CA_PASS)
    shutil.copy(f'{S}/{name}.crt', f'{S}/{name}.pem')


def publish(*directories):
    for d in directories:
        must('ykenroll', 'ca', 'publish', d, '--leaves')


class Prepared:
    """Sessions from before a revocation: ours, and those of --prepare."""

    def __init__(self, state, live, port):
        self.state, self.live, self.port, self.name = state, live, port, f'{state.name}-dora'
        person(self.name)
        must('ykenroll', 'verify-server', '--prepare', '--ca-file', f'{S}/web-ca.crt', *CA_PASS)
        publish(live)

    def revoke(self, server, url):
        self.kept = []
        for v in VERSIONS:
            c = client(v, self.name)
            ok, session = ask(c, self.state, self.port)
            self.kept.append((c, session))
        must('ykenroll', 'revoke', f'{S}/{self.name}.crt', '--reason', 'superseded', *CA_PASS)
        time.sleep(1.1)  # CRLs count seconds: in one and the same it is not known who came last
        must('ykenroll', 'verify-server', '--prepare', url, '--ca-file', f'{S}/web-ca.crt', *CA_PASS)
        publish(self.live, f'{S}/state/fresh')
        return '' if server.reload() else 'no reload'

    def gets_in(self):
        """Without her certificate: what gets in is the session alone."""
        got = ''
        for (c, session), v in zip(self.kept, VERSIONS):
            got += 'r' if session and ask(c, self.state, self.port, session=session)[0] else ''
        return got


def since(state, port):
    """Somebody is revoked, and the server has not heard of it."""
    name = f'{state.name}-dora'
    person(name)
    must('ykenroll', 'revoke', f'{S}/{name}.crt', '--reason', 'superseded', *CA_PASS)
    return 'r' if ask(client(VERSIONS[0], name), state, port)[0] else ''


def judge(state, port):
    """What differs; empty: nothing."""
    place = f'{S}/run/{state.name}'
    live = f'{S}/live/{state.name}' if state.prepare is True else f'{S}/state/{state.dir}'
    url = state.url.replace('@H@', state.host).replace('@P@', str(port))
    prepared = Prepared(state, live, port) if state.prepare is True else None
    servers = [Server(w, live, place, port) for w in state.server]
    started = [s for s in servers if s.start()]
    try:
        if len(started) < len(servers):
            return 'it does not start:\n' + servers[0].said()[-1500:], None
        wrong = prepared.revoke(servers[0], url) if prepared else ''
        who = who_gets_in(state, port, VERSIONS)
        if prepared:
            who += prepared.gets_in()
        if state.prepare == 'since':
            who += since(state, port)
        start = time.time()
        r = run('ykenroll', 'verify-server', url, '--ca-file', f'{S}/web-ca.crt', '--json', *state.options.split(), timeout=300)
        took = time.time() - start
    finally:
        for s in servers:
            s.stop()
    try:
        found = json.loads(r.stdout).get('finding_id', '')
    except ValueError:
        found = ''
    if set(who) != set(state.who):
        wrong += f'who gets in: {"".join(sorted(set(who)))}, not {"".join(sorted(state.who))}\n'
    right = re.fullmatch(str(state.code), str(r.returncode)) and re.fullmatch(state.id, found)
    if state.open and right:
        wrong += f'it is right: no longer open ({state.open})\n'
    elif not right and state.open != f'{r.returncode} {found}':
        wrong += f'verify-server: {r.returncode} {found}, not {state.code} {state.id}: {state.why}\n{r.stderr}'
        if r.stdout.startswith('{'):
            wrong += '\n'.join(' '.join(str(p.get(k, '')) for k in ('address', 'probe', 'protocol', 'verdict', 'right', 'why'))
                               for p in json.loads(r.stdout).get('probes', [])) + '\n'
    return wrong, f'{r.returncode} {found}, {took:.1f} s' + (f', OPEN: should be {state.code} {state.id}' if state.open else '')


def main():
    os.umask(0o022)
    threading.Thread(target=Behind(('127.0.0.1', BACKEND), Application).serve_forever, daemon=True).start()
    states = [s for s in states_table.STATES if len(sys.argv) < 4 or any(re.fullmatch(a, s.name) for a in sys.argv[3:])]
    states.sort(key=lambda s: {False: 0, True: 1}.get(s.prepare, 2))  # each --prepare revokes somebody
    bad, n = 0, int(sys.argv[2])
    for n, state in enumerate(states[::4 * int(os.environ.get('QUICK') or 0) or 1], n + 1):
        missing = [w['program'] for w in state.server if not shutil.which(w['program'])]
        try:
            wrong, got = ('', None) if missing else judge(state, state.port or 20000 + n)
        except (RuntimeError, subprocess.TimeoutExpired) as e:
            wrong, got = str(e), None
        bad += bool(wrong)
        print(f'{"not ok" if wrong else "ok"} {n} - {state.name}: {got or ""} ({state.why})' + (f' # SKIP no {missing[0]}' if missing else ''))
        for line in wrong.splitlines():
            print('# ' + line)
        sys.stdout.flush()
    print(f'1..{n}')
    return bad > 0


if __name__ == '__main__':
    sys.exit(main())
